#include "domain/nic_totals.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "config/devices.hpp"

namespace hvctld {
namespace {

constexpr std::uint64_t kQuotaLookMs = 5'000;
constexpr std::uint64_t kMicrosecondsOfHour = 3'600'000'000;

LedgerNic::Counters counters_of(const NicCounters& counters) {
    return {counters.received_bytes, counters.received_packets, counters.sent_bytes, counters.sent_packets};
}

// 202611; in UTC, since Dom0's time zone may change in between.
std::uint64_t this_month() {
    const std::chrono::sys_time<std::chrono::microseconds> now{std::chrono::microseconds{realtime_us()}};
    const std::chrono::year_month_day date{std::chrono::floor<std::chrono::days>(now)};
    constexpr std::uint64_t kYear = 100;
    return static_cast<std::uint64_t>(int{date.year()}) * kYear + unsigned{date.month()};
}

}  // namespace

void NicTotals::begin(Ledger& ledger) {
    ledger_ = &ledger;
    ledger.ask_nics([this, weak = std::weak_ptr{context_.alive}](const auto& nics) {
        if (!weak.expired()) load(nics);
    });
    timer_.start(
        kQuotaLookMs, [this] { hold_to_quotas(); }, kQuotaLookMs);
    context_.nic_driver_moved = [this](const Domain& domain, const std::string& interface) {
        driver_moved(domain, interface);
    };
}

// A guest's driver that closes has netback forget what it has counted, as soon as that hears of it: later than this.
void NicTotals::driver_moved(const Domain& domain, const std::string& interface) {
    look(domain);
    for (auto& [key, nic] : nics_) {
        if (key.first == domain.record.uuid && nic.interface == interface) nic.restarted = true;
    }
}

void NicTotals::load(const Result<std::vector<LedgerNic>>& nics) {
    constexpr std::uint64_t kAgainMs = 60'000;
    if (!nics) {
        log::error("what network interfaces have passed so far is not known: {}", nics.error().text());
        again_.start(kAgainMs, [this] {
            ledger_->ask_nics([this, weak = std::weak_ptr{context_.alive}](const auto& asked) {
                if (!weak.expired()) load(asked);
            });
        });
        return;
    }
    for (const LedgerNic& nic : *nics) nics_.insert_or_assign({nic.uuid, nic.mac}, nic);
    loaded_ = true;
    look();
}

void NicTotals::look() {
    for (const Domain* domain : domains_.all()) look(*domain);
    hold_to_quotas();
}

void NicTotals::look(const Domain& domain) {
    if (!loaded_ || !domain.in_hv()) return;
    for (const auto& [mac, reading] : domain.nics->counters()) ledger_->keep(count(domain, mac, reading));
}

LedgerNic& NicTotals::count(const Domain& domain, const config::MacAddress& mac, const NicReading& reading) {
    const Key key{domain.record.uuid, config::format_mac(mac)};
    LedgerNic& nic =
        nics_.try_emplace(key, LedgerNic{.uuid = key.first, .mac = key.second, .boot = {}, .interface = {}})
            .first->second;
    const LedgerNic::Counters now = counters_of(reading.counters);
    bool same = nic.boot == context_.paths.boot_id && nic.interface == reading.interface;
    // Netback counts anew once it has less; before, it may not have heard yet.
    if (same && nic.restarted && now != nic.seen) {
        nic.restarted = false;
        same = false;
    }
    std::uint64_t bytes = 0;
    for (std::size_t i = 0; i < now.size(); ++i) {
        const bool goes_on = same && now[i] >= nic.seen[i];  // or it is another interface of that name
        const std::uint64_t gained = goes_on ? now[i] - nic.seen[i] : now[i];
        nic.total[i] += gained;
        constexpr std::size_t kIsBytes = 2;  // every other one
        if (i % kIsBytes == 0) bytes += gained;
    }
    add(nic, bytes);
    nic.seen = now;
    nic.boot = context_.paths.boot_id;
    nic.interface = reading.interface;
    nic.hour = realtime_us() / kMicrosecondsOfHour;
    return nic;
}

// A clock that was wrong for a while gives no month back: one that goes back to the month before goes on with that, and
// one that goes further back with what it has.
void NicTotals::add(LedgerNic& nic, std::uint64_t bytes) {
    const std::uint64_t month = this_month();
    if (month > nic.month) {
        nic.month_before = std::exchange(nic.month, month);
        nic.bytes_before = std::exchange(nic.month_bytes, 0);
    } else if (month < nic.month && month == nic.month_before) {
        nic.month = month;
        nic.month_bytes += nic.bytes_before;
        nic.bytes_before = 0;
    }
    nic.month_bytes += bytes;
}

void NicTotals::hold_to_quotas() {
    if (!loaded_) return;
    for (Domain* domain : domains_.all()) {
        const auto has_quota = [](const config::NicDefinition& nic) { return nic.quota_bytes != 0; };
        if (!domain->in_hv() || std::ranges::none_of(domain->definition.nics, has_quota)) continue;
        const auto readings = domain->nics->counters();
        for (const config::NicDefinition& nic : domain->definition.nics) {
            if (!nic.mac || nic.quota_bytes == 0) continue;
            const auto reading = readings.find(*nic.mac);
            if (reading == readings.end()) continue;
            LedgerNic& counted = count(*domain, *nic.mac, reading->second);
            ledger_->keep(counted);
            const bool over = counted.month_bytes >= nic.quota_bytes;
            if (domain->nics->set_over_quota(*nic.mac, over) && over) {
                log::warning("{}: network interface {} has used up its transfer_quota of {} for this month: {}",
                             domain->record.name, config::format_mac(*nic.mac), config::format_size(nic.quota_bytes),
                             config::format_over_quota(nic));
            }
        }
    }
}

void NicTotals::add_to(const Domain& domain, std::vector<NicView>& views) {
    look(domain);
    for (NicView& view : views) {
        if (!view.nic.mac) continue;
        const auto found = nics_.find({domain.record.uuid, config::format_mac(*view.nic.mac)});
        if (found == nics_.end()) continue;
        const LedgerNic& nic = found->second;
        view.counters = {nic.total[0], nic.total[1], nic.total[2], nic.total[3]};
        view.month_bytes = nic.month >= this_month() ? nic.month_bytes : 0;
    }
}

}  // namespace hvctld
