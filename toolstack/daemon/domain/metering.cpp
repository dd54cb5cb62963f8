#include "domain/metering.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "devices/block/disks.hpp"
#include "devices/network/nics.hpp"
#include "domain/uuid_text.hpp"
#include "hvctl/try.hpp"

namespace hvctld {
namespace {

constexpr std::uint64_t kSampleMs = 15'000;
constexpr std::uint64_t kFlushNs = 60'000'000'000;
constexpr std::uint64_t kFreshNs = 1'000'000'000;
constexpr std::uint64_t kHourUs = 3'600'000'000;

// What a counter has gained; one that has begun anew has all that it shows.
std::uint64_t gained(std::uint64_t before, std::uint64_t now) {
    return now >= before ? now - before : now;
}

// Over all devices of a kind; one that has gone takes what it had since the last look with it.
template <class Counters>
std::uint64_t gained(const std::map<std::string, Counters>& before, const std::map<std::string, Counters>& now,
                     std::uint64_t Counters::*member) {
    std::uint64_t sum = 0;
    for (const auto& [name, counters] : now) {
        const auto found = before.find(name);
        sum += gained(found != before.end() ? found->second.*member : 0, counters.*member);
    }
    return sum;
}

std::uint64_t stolen_from(Hypervisor& hypervisor, const abi::DomainInfo& info) {
    std::uint64_t sum = 0;
    for (std::uint32_t vcpu = 0; vcpu < info.max_vcpus; ++vcpu) {
        const auto seen = hypervisor.vcpu_info(DomainId{info.domain}, VcpuId{vcpu});
        if (seen) sum += seen->state_time_ns[static_cast<std::size_t>(abi::RunState::Runnable)];
    }
    return sum;
}

DomainUsage usage_of(Hypervisor& hypervisor, const abi::DomainInfo& info, const DomainView& view) {
    DomainUsage usage;
    usage.name = view.name;
    usage.uuid = view.uuid;
    usage.domid = info.domain;
    usage.state = view.state;
    usage.stands =
        (info.flags & (abi::kDomainPaused | abi::kDomainShutdown)) != 0 && (info.flags & abi::kDomainDying) == 0;
    usage.memory = info.frames * hvctl::kPageSize;
    usage.max_memory = view.max_memory;
    usage.vcpus = info.vcpus_online;
    usage.cpu_time = info.cpu_time_ns;
    usage.steal_time = stolen_from(hypervisor, info);
    return usage;
}

}  // namespace

Metering::Metering(Context& context, Domains& domains) : context_{context}, domains_{domains}, timer_{context.loop} {}

Metering::~Metering() {
    if (!ledger_) return;
    sample();
    ledger_->finish();
}

void Metering::begin() {
    if (context_.paths.ledger.empty()) return;
    ledger_ = std::make_unique<Ledger>(context_.loop, context_.paths.ledger);
    nic_totals_.begin(*ledger_);
    sample();
    timer_.start(
        kSampleMs, [this] { sample(); }, kSampleMs);
}

Result<HostUsage> Metering::look() {
    const auto infos =
        TRY(within("list domains", Result<std::vector<abi::DomainInfo>>{context_.hypervisor.list_domains()}));
    HostUsage host;
    host.at = monotonic_us() * 1000;
    const std::vector<Domain*> domains = domains_.all();
    for (const abi::DomainInfo& info : infos) {
        if (info.domain == 0) {
            const DomainView view =
                view_of_dom0(info, context_.hypervisor.sched_parameters(hvctl::kDom0).value_or(abi::SchedParameters{}));
            host.domains.push_back(usage_of(context_.hypervisor, info, view));
            continue;
        }
        const auto found = std::ranges::find_if(domains, [&](const Domain* domain) {
            return domain->in_hv() && !domain->half_there() && domain->id().raw == info.domain;
        });
        if (found == domains.end()) continue;
        host.domains.push_back(look_at(**found, info));
    }
    return host;
}

DomainUsage Metering::look_at(const Domain& domain, const abi::DomainInfo& info) {
    DomainUsage usage = usage_of(context_.hypervisor, info, view_of(domain, &info));
    if (is_ending(domain.record.phase)) usage.stands = false;  // the last look at it: it ran until just now
    usage.disks = domain.disks->counters();
    for (const auto& [mac, reading] : domain.nics->counters()) usage.nics[reading.interface] = reading.counters;
    return usage;
}

Result<HostUsage> Metering::usage() {
    if (shown_.at != 0 && monotonic_us() * 1000 - shown_.at < kFreshNs) return shown_;
    HostUsage host = TRY(look());
    const auto info = TRY(within("host information", Result<abi::GetHostInfo>{context_.hypervisor.host_info()}));
    host.cpus = info.cpus_online;
    host.memory = info.total_frames * hvctl::kPageSize;
    host.free_memory = info.free_frames * hvctl::kPageSize;
    shown_ = host;
    return host;
}

void Metering::sample() {
    if (!ledger_) return;
    auto host = look();
    if (!host) return log::error("the ledger: {}", host.error().text());
    if (began_at_ == 0) began_at_ = host->at;
    sampled_at_ = host->at;
    std::set<std::string> there;
    for (DomainUsage& usage : host->domains) {
        there.insert(usage.uuid);
        account(std::move(usage), host->at);
    }
    std::erase_if(last_, [&](const auto& entry) { return !there.contains(entry.first); });
    nic_totals_.look();
    if (host->at - flushed_at_ < kFlushNs) return;
    flushed_at_ = host->at;
    ledger_->flush();
}

void Metering::last_of(const Domain& domain) {
    if (!ledger_ || !domain.in_hv()) return;
    nic_totals_.look(domain);
    const auto info = context_.hypervisor.domain(domain.id());
    if (info) account(look_at(domain, *info), monotonic_us() * 1000);
}

// Of a domain that has not been seen yet all that it shows is new, unless it was there before this daemon.
void Metering::account(DomainUsage now, std::uint64_t at) {
    const auto before = last_.find(now.uuid);
    if (before != last_.end() && before->second.usage.domid == now.domid) {
        add(before->second.usage, now, at - before->second.at);
    } else if (const Domain* domain = domains_.named(now.name); domain != nullptr) {
        const std::uint64_t since = domain->record.run_since_us * 1000;
        if (since >= began_at_ && since < at) add({}, now, at - since);
    }
    Seen& seen = last_[now.uuid];
    seen.at = at;
    seen.usage = std::move(now);
}

void Metering::add(const DomainUsage& before, const DomainUsage& now, std::uint64_t elapsed) {
    LedgerEntry entry{now.uuid, now.name, realtime_us() / kHourUs, {}};
    LedgerSums& sums = entry.sums;
    sums.delivered = gained(before.cpu_time, now.cpu_time);
    sums.stolen = gained(before.steal_time, now.steal_time);
    sums.running = now.stands ? 0 : elapsed;
    const auto shares = context_.hypervisor.sched_parameters(DomainId{now.domid});
    const std::uint64_t reservation = shares ? std::min(shares->reservation, now.vcpus * 100) : 0;
    sums.promised = sums.running / 100 * reservation;
    const std::uint64_t wanted = std::min(sums.promised, sums.delivered + sums.stolen);
    sums.missing = wanted > sums.delivered ? wanted - sums.delivered : 0;
    constexpr std::uint64_t kMsOfSecond = 1000;
    sums.memory_mib_seconds = (now.memory >> 20) * (sums.running / 1'000'000) / kMsOfSecond;
    sums.disk_read_bytes = gained(before.disks, now.disks, &DiskCounters::read_bytes);
    sums.disk_written_bytes = gained(before.disks, now.disks, &DiskCounters::written_bytes);
    sums.received_bytes = gained(before.nics, now.nics, &NicCounters::received_bytes);
    sums.sent_bytes = gained(before.nics, now.nics, &NicCounters::sent_bytes);
    ledger_->add(entry);
}

void Metering::guarantees(const std::string& domain, std::uint64_t since_us, std::uint64_t hours,
                          const Ledger::Answer& answer) {
    if (!ledger_) return answer(fail(ErrorId::NotSupported, "this hvctld keeps no ledger"));
    if (monotonic_us() * 1000 - sampled_at_ >= kFreshNs) sample();
    const bool known = domain.empty() || domain == kDom0Name || domains_.named(domain) != nullptr;
    ledger_->ask(domain, since_us / kHourUs, hours, [known, domain, answer](const auto& entries) {
        if (entries && entries->empty() && !known) {
            return answer(fail(ErrorId::NoSuchDomain,
                               fmt::format("there is no domain \"{}\", and the ledger has none of that name", domain)));
        }
        answer(entries);
    });
}

}  // namespace hvctld
