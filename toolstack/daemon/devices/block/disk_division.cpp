#include "devices/block/disk_division.hpp"

#include <algorithm>
#include <numeric>

namespace hvctld {
namespace {

// One that has used so much of its share wants more.
constexpr double kPressing = 0.8;
// One that does not is left a bit more than it uses, and never less than this part of an equal share: what it may do
// between two looks.
constexpr double kRoom = 1.25;
constexpr std::uint64_t kLeastPart = 16;

std::uint64_t gained(std::uint64_t before, std::uint64_t now) {
    return now >= before ? now - before : now;
}

std::uint64_t per_second(std::uint64_t amount, double seconds) {
    return static_cast<std::uint64_t>(static_cast<double>(amount) / seconds);
}

DiskCounters rates(const DiskCounters& before, const DiskCounters& now, double seconds) {
    return {per_second(gained(before.reads, now.reads), seconds),
            per_second(gained(before.writes, now.writes), seconds),
            per_second(gained(before.read_bytes, now.read_bytes), seconds),
            per_second(gained(before.written_bytes, now.written_bytes), seconds)};
}

double total(std::span<const std::uint64_t> values) {
    return static_cast<double>(std::accumulate(values.begin(), values.end(), std::uint64_t{0}));
}

}  // namespace

std::vector<std::uint64_t> divide(std::uint64_t limit, std::span<const std::uint64_t> used,
                                  std::span<const std::uint64_t> had) {
    const std::size_t count = used.size();
    std::vector<double> parts(count);
    if (count == 0) return {};
    const double least = static_cast<double>(limit) / static_cast<double>(count * kLeastPart);
    std::vector<std::size_t> pressing;
    double left = static_cast<double>(limit);
    for (std::size_t i = 0; i < count; ++i) {
        const auto rate = static_cast<double>(used[i]);
        if (had[i] == 0 || rate >= static_cast<double>(had[i]) * kPressing) {
            pressing.push_back(i);
            continue;
        }
        parts[i] = std::max(least, rate * kRoom);
        left -= parts[i];
    }
    if (pressing.empty()) {
        for (double& part : parts) part += std::max(left, 0.0) / static_cast<double>(count);
    }
    for (const std::size_t i : pressing) parts[i] = std::max(least, left / static_cast<double>(pressing.size()));
    const double sum = std::accumulate(parts.begin(), parts.end(), 0.0);
    std::vector<std::uint64_t> shares(count);
    std::ranges::transform(parts, shares.begin(), [&](double part) {
        return std::max(std::uint64_t{1}, static_cast<std::uint64_t>(part * static_cast<double>(limit) / sum));
    });
    return shares;
}

// Where what was used beyond the limit came out of the savings, and beyond them, it is to be saved again first.
std::uint64_t DiskDivision::Savings::may_use(std::uint64_t limit_now, std::uint32_t burst_seconds, double used,
                                             double seconds) {
    constexpr double kLeastOfLimit = 0.25;
    const auto per_second_now = static_cast<double>(limit_now);
    const double most = per_second_now * burst_seconds;
    if (limit != limit_now) {  // begins with what a guest that boots can make use of
        limit = limit_now;
        amount = most;
    } else {
        amount = std::clamp(amount + per_second_now * seconds - used, -per_second_now, most);
    }
    // A limit without bursts is not averaged: what was asked for beyond it only waits.
    const double now = burst_seconds == 0 ? per_second_now : per_second_now + amount;
    return static_cast<std::uint64_t>(std::max(now, per_second_now * kLeastOfLimit));
}

std::vector<DiskShare> DiskDivision::next(const config::DiskLimits& limits,
                                          const std::map<dev_t, DiskCounters>& counted, double seconds) {
    std::vector<std::uint64_t> requests, bytes, had_requests, had_bytes;
    std::vector<DiskShare> shares;
    for (const auto& [device, counters] : counted) {
        const auto before = counted_.find(device);
        const auto share = std::ranges::find(shares_, device, &DiskShare::device);
        const bool known = before != counted_.end() && share != shares_.end();
        const DiskCounters rate = known ? rates(before->second, counters, seconds) : DiskCounters{};
        const DiskShare had = known ? *share : DiskShare{};
        requests.insert(requests.end(), {rate.reads, rate.writes});
        bytes.insert(bytes.end(), {rate.read_bytes, rate.written_bytes});
        had_requests.insert(had_requests.end(), {had.reads, had.writes});
        had_bytes.insert(had_bytes.end(), {had.read_bytes, had.written_bytes});
        shares.push_back({.device = device});
    }
    if (limits.requests != 0) {
        const auto now =
            divide(requests_.may_use(limits.requests, limits.burst_seconds, total(requests) * seconds, seconds),
                   requests, had_requests);
        for (std::size_t i = 0; i < shares.size(); ++i) {
            shares[i].reads = now[2 * i];
            shares[i].writes = now[2 * i + 1];
        }
    }
    if (limits.bytes != 0) {
        const auto now = divide(bytes_.may_use(limits.bytes, limits.burst_seconds, total(bytes) * seconds, seconds),
                                bytes, had_bytes);
        for (std::size_t i = 0; i < shares.size(); ++i) {
            shares[i].read_bytes = now[2 * i];
            shares[i].written_bytes = now[2 * i + 1];
        }
    }
    counted_ = counted;
    shares_ = shares;
    return shares;
}

}  // namespace hvctld
