#include "domain/domain_view.hpp"

#include "base/clock.hpp"
#include "devices/block/disks.hpp"
#include "domain/uuid_text.hpp"

namespace hvctld {
namespace {

std::string state_of(const abi::DomainInfo& info) {
    if ((info.flags & abi::kDomainDying) != 0) return "dying";
    if ((info.flags & abi::kDomainShutdown) != 0) {
        const EndReason reason = end_reason(info);
        return reason == EndReason::Crash || reason == EndReason::Watchdog ? "crashed" : "shutdown";
    }
    if ((info.flags & abi::kDomainPaused) != 0) return "paused";
    if ((info.flags & abi::kDomainBlocked) != 0) return "blocked";
    return "running";
}

void add_live(DomainView& view, const abi::DomainInfo& info) {
    view.domid = info.domain;
    view.state = state_of(info);
    view.memory = info.frames * hvctl::kPageSize;
    view.vcpus = info.vcpus_online;
    view.max_vcpus = info.max_vcpus;
    view.cpu_time = info.cpu_time_ns;
    view.hv_bytes = info.hv_bytes;
    if ((info.flags & abi::kDomainShutdown) != 0) view.shutdown_reason = to_string(end_reason(info));
}

// What hv only knows as paused. Of two reasons the administrator's is the one that he must take away himself.
void add_space(DomainView& view, const SpaceHold& hold) {
    if (!hold.wait()) return;
    view.disk_full = hold.wait()->text();
    if (view.state == "paused" && !hold.wait()->paused) view.state = "disk-full";
}

}  // namespace

DomainView view_of(const Domain& domain, const abi::DomainInfo* info) {
    const DomainRecord& record = domain.record;
    DomainView view;
    view.name = record.name;
    view.uuid = record.uuid;
    view.type = to_string(domain.definition.type);
    view.memory = domain.definition.memory;
    view.max_memory = domain.definition.max_memory;
    view.vcpus = domain.definition.vcpus;
    view.max_vcpus = domain.definition.max_vcpus;
    view.cpu_weight = domain.definition.cpu_weight;
    view.cpu_cap = domain.definition.cpu_cap;
    view.cpu_reservation = domain.definition.cpu_reservation;
    view.disk_limits = domain.definition.disk_limits;
    view.autostart = domain.definition.autostart;
    view.shutdown_reason = to_string(record.end_reason);
    view.console_dropped = domain.console ? domain.console->dropped() : 0;
    view.job = domain.job;
    view.ended_us = record.ended_us;
    view.state = record.gave_up ? "crashloop" : is_crash(record.end_reason) ? "crashed" : "stopped";
    if (info != nullptr) {
        add_live(view, *info);
        add_space(view, domain.disks->space_hold());
        view.uptime = record.run_since_us != 0 ? (monotonic_us() - record.run_since_us) * 1000 : 0;
    }
    // What a job does with the domain counts for more than what hv has of it at this moment.
    switch (record.phase) {
        case DomainPhase::Stopped:
            if (domain.job != 0) view.state = "starting";
            break;
        case DomainPhase::Building: view.state = "starting"; break;
        case DomainPhase::Running: break;
        case DomainPhase::Ending: view.state = "dying"; break;
    }
    return view;
}

DomainView view_of_dom0(const abi::DomainInfo& info, const abi::SchedParameters& shares) {
    DomainView view;
    view.name = kDom0Name;
    view.uuid = uuid_text(info.uuid);
    view.type = "pv";
    view.max_memory = info.max_frames * hvctl::kPageSize;
    view.uptime = monotonic_us() * 1000;
    view.cpu_weight = shares.weight;
    view.cpu_cap = shares.cap;
    view.cpu_reservation = shares.reservation;
    add_live(view, info);
    return view;
}

}  // namespace hvctld
