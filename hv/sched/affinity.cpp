// Where vCPUs may run.
#include "hv/machine/clock.hpp"
#include "hv/machine/cpus.hpp"
#include "hv/sched/run_queue.hpp"

namespace hv {
namespace {

// After the hard set of `entry` has changed: gets it off a CPU where it may not be.
void obey(SchedVcpu& entry) {
    const Nanoseconds now = time::now();
    std::int64_t lag = 0;
    {
        QueueGuard queue{entry};
        if (entry.hard.test(queue->cpu)) return;
        // Running, it is moved once its registers are saved; out or parked, when it comes back.
        if (entry.place == SchedPlace::Running) request_reschedule(queue->cpu);
        if (entry.place != SchedPlace::Queued) return;
        queue_remove(*queue, entry);
        entry.place = SchedPlace::Moving;
        lag = ahead(entry.virtual_time, queue->virtual_time);
        entry.queue.store(choose_cpu(entry), std::memory_order_release);
    }
    finish_move(entry, lag, true, now);
}

}  // namespace

Result<> sched_set_affinity(Vcpu& vcpu, const CpuSet* hard, const CpuSet* soft) {
    SchedVcpu& entry = vcpu.sched;
    if (hard && (*hard & online_cpus()).empty()) return fail(Error::BadArgument);
    {
        QueueGuard queue{entry};
        if (hard && entry.pin_override) return fail(Error::Busy);
        if (hard) entry.hard = *hard;
        if (soft) entry.soft = *soft;
    }
    obey(entry);
    return {};
}

void sched_get_affinity(Vcpu& vcpu, CpuSet& hard, CpuSet& soft) {
    QueueGuard queue{vcpu.sched};
    hard = vcpu.sched.hard;
    soft = vcpu.sched.soft;
}

Result<> sched_pin_override(Vcpu& vcpu, CpuId cpu) {
    SchedVcpu& entry = vcpu.sched;
    if (cpu != kNoCpu && (cpu.raw >= kMaxCpus || !online_cpus().test(cpu))) return fail(Error::BadArgument);
    {
        QueueGuard queue{entry};
        if (cpu == kNoCpu) {
            if (!entry.pin_override) return fail(Error::NoEntry);
            entry.hard = entry.saved_hard;
            entry.pin_override = false;
        } else {
            if (entry.pin_override) return fail(Error::Busy);
            entry.saved_hard = entry.hard;
            entry.hard.clear_all();
            entry.hard.set(cpu);
            entry.pin_override = true;
        }
    }
    obey(entry);
    return {};
}

}  // namespace hv
