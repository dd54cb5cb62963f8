#include "hv/domain/runstate.hpp"

#include <cstddef>

#include "hv/domain/domain.hpp"
#include "hv/machine/clock.hpp"
#include "hv/memory/guest_access.hpp"

namespace hv {

using abi::xen::RunstateKind;
using abi::xen::VcpuRunstateInfo;

namespace {

// As of the last change, which is what the registered area holds.
VcpuRunstateInfo at_last_change(Vcpu& vcpu) {
    Guard guard{vcpu.runstate_lock};
    VcpuRunstateInfo info{};
    info.state = vcpu.runstate;
    info.state_entry_time = static_cast<std::uint64_t>(vcpu.runstate_entered);
    for (unsigned i = 0; i < 4; ++i) info.time[i] = vcpu.runstate_time[i];
    return info;
}

bool wants_update_flag(const Domain& domain) {
    constexpr auto kBit = static_cast<unsigned>(abi::xen::VmAssistType::RunstateUpdateFlag);
    return (domain.vm_assist.load(std::memory_order_relaxed) >> kBit) & 1;
}

}  // namespace

void runstate_init(Vcpu& vcpu, Nanoseconds now) {
    Guard guard{vcpu.runstate_lock};
    vcpu.runstate = static_cast<std::uint32_t>(RunstateKind::Offline);
    vcpu.runstate_entered = now;
}

void runstate_change(Vcpu& vcpu, RunstateKind state, Nanoseconds now) {
    Guard guard{vcpu.runstate_lock};
    if (vcpu.runstate == static_cast<std::uint32_t>(state)) return;
    // Two CPUs' clocks may disagree by a little; time never runs backwards here.
    const Nanoseconds passed = now - vcpu.runstate_entered;
    if (passed > 0) {
        vcpu.runstate_time[vcpu.runstate] += static_cast<std::uint64_t>(passed);
        vcpu.runstate_entered = now;
    }
    vcpu.runstate = static_cast<std::uint32_t>(state);
}

RunstateKind runstate_when_out(const Vcpu& vcpu) {
    // A paused vCPU that waits for nothing is offline as far as its kernel is concerned: the time was stolen from it.
    const std::uint32_t flags = vcpu.flags.load(std::memory_order_relaxed);
    if (flags & kVcpuDown) return RunstateKind::Offline;
    return flags & kVcpuBlocked ? RunstateKind::Blocked : RunstateKind::Offline;
}

VcpuRunstateInfo runstate_snapshot(Vcpu& vcpu, Nanoseconds now) {
    VcpuRunstateInfo info = at_last_change(vcpu);
    const Nanoseconds passed = now - static_cast<Nanoseconds>(info.state_entry_time);
    if (passed > 0) info.time[info.state] += static_cast<std::uint64_t>(passed);
    return info;
}

Nanoseconds vcpu_run_time(Vcpu& vcpu) {
    return static_cast<Nanoseconds>(
        runstate_snapshot(vcpu, time::now()).time[static_cast<std::uint32_t>(RunstateKind::Running)]);
}

bool runstate_publish(Vcpu& current) {
    const GuestVirtual area = current.runstate_area;
    if (area.raw == 0) return true;
    VcpuRunstateInfo info = at_last_change(current);
    if (!wants_update_flag(current.domain)) return store(area, info).has_value();

    // The guest reads state_entry_time before and after the rest: the mark is there while the rest is being written,
    // and each of the three stores is complete before the next begins.
    const GuestVirtual entry_time = area + offsetof(VcpuRunstateInfo, state_entry_time);
    info.state_entry_time |= abi::xen::kRunstateUpdate;
    if (!store(entry_time, info.state_entry_time)) return false;
    std::atomic_thread_fence(std::memory_order_release);
    if (!store(area, info)) return false;
    std::atomic_thread_fence(std::memory_order_release);
    info.state_entry_time &= ~abi::xen::kRunstateUpdate;
    return store(entry_time, info.state_entry_time).has_value();
}

}  // namespace hv
