#include "hv/domain/vcpu.hpp"

#include "hv/domain/domain.hpp"
#include "hv/machine/cpus.hpp"
#include "hv/sched/sched.hpp"
#include "hv/time/patience.hpp"

namespace hv {

Vcpu::Vcpu(Domain& owner, VcpuId number) : domain{owner}, id{number}, type{owner.type} {}

bool Vcpu::runnable() const {
    const std::uint32_t state = flags.load(std::memory_order_acquire);
    return (state & kVcpuInitialised) && !(state & (kVcpuDown | kVcpuBlocked)) &&
           pause_count.load(std::memory_order_acquire) == 0 &&
           domain.pause_count.load(std::memory_order_acquire) == 0 && !domain.shut_down.load(std::memory_order_acquire);
}

bool vcpu_unblock(Vcpu& vcpu) {
    if (!(vcpu.flags.load(std::memory_order_acquire) & kVcpuBlocked)) return false;
    if (!(vcpu.flags.fetch_and(~std::uint32_t{kVcpuBlocked}, std::memory_order_acq_rel) & kVcpuBlocked)) return false;
    sched_wake(vcpu);
    return true;
}

void vcpu_kick(Vcpu& vcpu) {
    // One that has just been woken passes through hv and looks.
    if (vcpu_unblock(vcpu)) return;
    if (!vcpu.running.load(std::memory_order_acquire)) return;
    const CpuId cpu = vcpu.cpu.load(std::memory_order_acquire);
    if (cpu != current_cpu()) kick_cpu(cpu);
}

void vcpu_pause_nosync(Vcpu& vcpu) {
    vcpu.pause_count.fetch_add(1, std::memory_order_acq_rel);
    sched_sleep(vcpu);
}

void vcpu_pause(Vcpu& vcpu) {
    vcpu_pause_nosync(vcpu);
    wait_until_out(vcpu);
}

void wait_until_out(const Vcpu& vcpu) {
    Patience patience;
    // Its CPU was made to reschedule; it puts the registers away before it clears `running`.
    while (&vcpu != &current_vcpu() && vcpu.running.load(std::memory_order_acquire)) {
        spin_pause();
        if (!patience.over()) [[likely]]
            continue;
        const CpuId cpu = vcpu.cpu.load(std::memory_order_acquire);
        request_reschedule(cpu);
        CpuSet asked;
        asked.set(cpu);
        note_asked_again(asked, patience.waited());
    }
}

void vcpu_unpause(Vcpu& vcpu) {
    if (vcpu.pause_count.fetch_sub(1, std::memory_order_acq_rel) == 1) sched_wake(vcpu);
}

}  // namespace hv
