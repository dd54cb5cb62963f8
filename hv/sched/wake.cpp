// Coming and going.
#include <algorithm>

#include "hv/domain/runstate.hpp"
#include "hv/machine/clock.hpp"
#include "hv/machine/cpus.hpp"
#include "hv/sched/run_queue.hpp"

namespace hv {

using abi::xen::RunstateKind;

Result<> sched_add_vcpu(Vcpu& vcpu) {
    SchedVcpu& entry = vcpu.sched;
    // Spread over the machine: nothing is known about them yet.
    const CpuSet& online = online_cpus();
    std::size_t place = (vcpu.domain.id.raw + vcpu.id.raw) % std::max<std::size_t>(online.count(), 1);
    CpuId cpu{0};
    for_each_bit(online, [&](CpuId candidate) {
        if (place-- == 0) cpu = candidate;
    });
    entry.queue.store(cpu, std::memory_order_relaxed);
    vcpu.cpu.store(cpu, std::memory_order_relaxed);
    RunQueue& queue = run_queue(cpu);
    Guard guard{queue.lock};
    entry.vcpu = &vcpu;
    entry.place = SchedPlace::Out;
    entry.virtual_time = queue.virtual_time;
    return {};
}

void sched_remove_vcpu(Vcpu& vcpu) {
    SchedVcpu& entry = vcpu.sched;
    if (!entry.vcpu) return;
    for (;;) {
        {
            QueueGuard queue{entry};
            if (entry.place == SchedPlace::Queued) {
                queue_remove(*queue, entry);
                entry.place = SchedPlace::Out;
            }
            if (entry.place == SchedPlace::Parked) entry.place = SchedPlace::Out;
            if (entry.place == SchedPlace::Out || entry.place == SchedPlace::Removed) {
                set_active(entry, false);
                entry.place = SchedPlace::Removed;
                return;
            }
        }
        spin_pause();  // it runs, is being saved or is on its way
    }
}

void sched_wake(Vcpu& vcpu) {
    SchedVcpu& entry = vcpu.sched;
    const Nanoseconds now = time::now();
    std::int64_t lag = 0;
    {
        QueueGuard queue{entry};
        // Elsewhere than out, the CPU that is handling it will look.
        if (entry.place != SchedPlace::Out) return;
        if (!vcpu.runnable()) {
            // An event ended its wait while it is paused: from here on time is taken from it.
            runstate_change(vcpu, runstate_when_out(vcpu), now);
            return;
        }
        runstate_change(vcpu, RunstateKind::Runnable, now);
        entry.woken = true;
        account_current(*queue, now);
        lag = ahead(entry.virtual_time, queue->virtual_time);
        entry.place = SchedPlace::Moving;
        entry.queue.store(choose_cpu(entry), std::memory_order_release);
    }
    finish_move(entry, lag, true, now);
}

void sched_sleep(Vcpu& vcpu) {
    SchedVcpu& entry = vcpu.sched;
    const Nanoseconds now = time::now();
    QueueGuard queue{entry};
    if (vcpu.runnable()) return;
    switch (entry.place) {
        case SchedPlace::Queued: queue_remove(*queue, entry); [[fallthrough]];
        case SchedPlace::Parked:
            entry.place = SchedPlace::Out;
            set_active(entry, false);
            runstate_change(vcpu, runstate_when_out(vcpu), now);
            return;
        case SchedPlace::Out: runstate_change(vcpu, runstate_when_out(vcpu), now); return;
        case SchedPlace::Running: request_reschedule(queue->cpu); return;
        case SchedPlace::Saving:
        case SchedPlace::Moving:
        case SchedPlace::Removed: return;
    }
}

void sched_yield(Vcpu& vcpu) {
    QueueGuard queue{vcpu.sched};
    if (vcpu.sched.place != SchedPlace::Running || queue->waiting.load(std::memory_order_relaxed) == 0) return;
    vcpu.sched.yielded = true;
    request_reschedule(queue->cpu);
}

}  // namespace hv
