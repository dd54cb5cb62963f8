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

bool Vcpu::unblock() {
    if (!(flags.load(std::memory_order_acquire) & kVcpuBlocked)) return false;
    if (!(flags.fetch_and(~std::uint32_t{kVcpuBlocked}, std::memory_order_acq_rel) & kVcpuBlocked)) return false;
    sched_wake(*this);
    return true;
}

void Vcpu::kick() {
    // One that has just been woken passes through hv and looks.
    if (unblock()) return;
    if (!running.load(std::memory_order_acquire)) return;
    const CpuId where = cpu.load(std::memory_order_acquire);
    if (where != current_cpu()) kick_cpu(where);
}

void Vcpu::pause_nosync() {
    pause_count.fetch_add(1, std::memory_order_acq_rel);
    sched_sleep(*this);
}

void Vcpu::pause() {
    pause_nosync();
    wait_until_out();
}

void Vcpu::wait_until_out() const {
    Patience patience;
    // Its CPU was made to reschedule; it puts the registers away before it clears `running`.
    while (this != &current_vcpu() && running.load(std::memory_order_acquire)) {
        spin_pause();
        if (!patience.over()) [[likely]]
            continue;
        const CpuId where = cpu.load(std::memory_order_acquire);
        request_reschedule(where);
        CpuSet asked;
        asked.set(where);
        note_asked_again(asked, patience.waited());
    }
}

void Vcpu::unpause() {
    if (pause_count.fetch_sub(1, std::memory_order_acq_rel) == 1) sched_wake(*this);
}

}  // namespace hv
