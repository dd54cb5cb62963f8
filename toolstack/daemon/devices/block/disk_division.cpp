#include "devices/block/disk_division.hpp"

#include <algorithm>
#include <functional>
#include <numeric>
#include <utility>

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
    constexpr double kShortest = 0.001;
    return static_cast<std::uint64_t>(static_cast<double>(amount) / std::max(seconds, kShortest));
}

DiskCounters rates(const DiskCounters& gains, double seconds) {
    return {per_second(gains.reads, seconds), per_second(gains.writes, seconds), per_second(gains.read_bytes, seconds),
            per_second(gains.written_bytes, seconds)};
}

double total(std::span<const std::uint64_t> values) {
    return static_cast<double>(std::accumulate(values.begin(), values.end(), std::uint64_t{0}));
}

}  // namespace

std::vector<std::uint64_t> divide(std::uint64_t limit, std::span<const std::uint64_t> used,
                                  std::span<const std::uint64_t> had, const std::vector<bool>& waits) {
    const std::size_t count = used.size();
    const double whole = static_cast<double>(limit);
    const double least = whole / static_cast<double>(count * kLeastPart);
    std::vector<double> parts(count), floors(count);
    std::vector<std::size_t> pressing;
    double left = whole;
    for (std::size_t i = 0; i < count; ++i) {
        const auto rate = static_cast<double>(used[i]);
        floors[i] = std::max(least, static_cast<double>(had[i]) / 2);
        parts[i] = std::max(floors[i], rate * kRoom);
        if (had[i] == 0 || (i < waits.size() && waits[i]) || rate >= static_cast<double>(had[i]) * kPressing) {
            pressing.push_back(i);
        } else {
            left -= parts[i];
        }
    }
    if (pressing.empty()) {
        for (double& part : parts) part += std::max(left, 0.0) / static_cast<double>(count);
    }
    // Those whose floor is more than an equal part of what is left keep that, the others share the rest.
    std::ranges::sort(pressing, std::greater{}, [&](std::size_t i) { return floors[i]; });
    for (std::size_t at = 0; at < pressing.size(); ++at) {
        const std::size_t i = pressing[at];
        parts[i] = std::max(floors[i], left / static_cast<double>(pressing.size() - at));
        left -= parts[i];
    }
    const double sum = std::accumulate(parts.begin(), parts.end(), 0.0);
    std::vector<std::uint64_t> shares(count);
    for (std::size_t i = 0; i < count; ++i) {
        const auto part = static_cast<std::uint64_t>(sum > whole ? parts[i] * whole / sum : parts[i]);
        shares[i] = std::max({kLeastShare, (had[i] + 1) / 2, part});
    }
    return shares;
}

// Where what was used beyond the limit came out of the savings, and beyond them, it is to be saved again first.
std::uint64_t DiskDivision::Savings::may_use(std::uint64_t limit_now, std::uint32_t burst_seconds, double used,
                                             double seconds) {
    constexpr double kLeastOfLimit = 0.25;
    const auto per_second_now = static_cast<double>(limit_now);
    const double most = per_second_now * burst_seconds;
    if (limit == 0) {  // begins with what a guest that boots can make use of
        amount = most;
    } else {
        // What comes when the savings are used up, before the shares have fallen, is to be made up for, too.
        amount =
            std::clamp(amount + static_cast<double>(limit) * seconds - used, -std::max(per_second_now, most), most);
    }
    limit = limit_now;
    // A limit without bursts is not averaged: what was asked for beyond it only waits.
    const double now = burst_seconds == 0 ? per_second_now : per_second_now + amount;
    return static_cast<std::uint64_t>(std::max(now, per_second_now * kLeastOfLimit));
}

namespace {

// What is asked for and not let through yet; a counter that has begun anew forgets it.
std::uint64_t still_waiting(std::uint64_t before, std::uint64_t asked, std::uint64_t served) {
    return before + asked > served ? before + asked - served : 0;
}

DiskCounters gains(const DiskCounters& before, const DiskCounters& now) {
    return {gained(before.reads, now.reads), gained(before.writes, now.writes),
            gained(before.read_bytes, now.read_bytes), gained(before.written_bytes, now.written_bytes)};
}

// Two of each device: its reads and its writes.
struct Streams {
    std::vector<std::uint64_t> used, had;
    std::vector<bool> waits;
    void add(std::uint64_t of_used, std::uint64_t of_had, std::uint64_t waiting) {
        used.push_back(of_used);
        had.push_back(of_had);
        waits.push_back(waiting != 0);
    }
    [[nodiscard]] std::vector<std::uint64_t> divide_among(std::uint64_t limit) const {
        return divide(limit, used, had, waits);
    }
};

}  // namespace

std::map<dev_t, DiskShare> DiskDivision::next(const config::DiskLimits& limits, const std::map<dev_t, Counted>& counted,
                                              double seconds) {
    Streams requests, bytes;
    std::map<dev_t, DiskCounters> waiting;
    std::map<dev_t, DiskShare> shares;
    for (const auto& [device, now] : counted) {
        DiskCounters& waits = waiting[device];
        DiskCounters rate;
        if (const auto before = counted_.find(device); before != counted_.end()) {
            const DiskCounters asked = gains(before->second.asked, now.asked);
            const DiskCounters served = gains(before->second.served, now.served);
            rate = rates(served, seconds);
            const DiskCounters& waited = waiting_[device];
            waits = {still_waiting(waited.reads, asked.reads, served.reads),
                     still_waiting(waited.writes, asked.writes, served.writes),
                     still_waiting(waited.read_bytes, asked.read_bytes, served.read_bytes),
                     still_waiting(waited.written_bytes, asked.written_bytes, served.written_bytes)};
        }
        requests.add(rate.reads, now.had.reads, waits.reads);
        requests.add(rate.writes, now.had.writes, waits.writes);
        bytes.add(rate.read_bytes, now.had.read_bytes, waits.read_bytes);
        bytes.add(rate.written_bytes, now.had.written_bytes, waits.written_bytes);
        shares[device];
    }
    if (limits.requests != 0) {
        const auto parts = requests.divide_among(
            requests_.may_use(limits.requests, limits.burst_seconds, total(requests.used) * seconds, seconds));
        auto part = parts.begin();
        for (auto& [device, share] : shares) {
            share.reads = *part++;
            share.writes = *part++;
        }
    }
    if (limits.bytes != 0) {
        const auto parts = bytes.divide_among(
            bytes_.may_use(limits.bytes, limits.burst_seconds, total(bytes.used) * seconds, seconds));
        auto part = parts.begin();
        for (auto& [device, share] : shares) {
            share.read_bytes = *part++;
            share.written_bytes = *part++;
        }
    }
    counted_ = counted;
    waiting_ = std::move(waiting);
    return shares;
}

}  // namespace hvctld
