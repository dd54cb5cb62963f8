// Which vCPU a CPU runs.
#include <array>

#include "hv/domain/runstate.hpp"
#include "hv/domain/vcpu_timers.hpp"
#include "hv/machine/cpus.hpp"
#include "hv/sched/run_queue.hpp"

namespace hv {

using abi::xen::RunstateKind;

namespace {

std::array<RunQueue, kMaxCpus> g_queues;
AtomicCpuSet g_idle_cpus;

constexpr Nanoseconds kBalanceInterval = 10'000'000;

void slice_over(void* argument) {
    RunQueue& queue = *static_cast<RunQueue*>(argument);
    {
        Guard guard{queue.lock};
        queue.slice_deadline = kNoSlice;
    }
    request_reschedule(queue.cpu);
}

// May the current vCPU go on here?
bool may_stay(RunQueue& queue, Nanoseconds now) {
    if (queue.is_idle()) return false;
    Vcpu& current = *queue.current;
    return current.runnable() && current.sched.hard.test(queue.cpu) && cap_allows(current.domain.sched, now);
}

void leave(RunQueue& queue, Nanoseconds now) {
    if (queue.is_idle()) return;
    Vcpu& previous = *queue.current;
    previous.sched.place = SchedPlace::Saving;
    previous.sched.yielded = false;
    const bool runnable = previous.runnable();
    if (!runnable) set_active(previous.sched, false);
    runstate_change(previous, runnable ? RunstateKind::Runnable : runstate_when_out(previous), now);
}

void enter(RunQueue& queue, Vcpu& next, Nanoseconds now) {
    queue.current = &next;
    next.running.store(true, std::memory_order_release);
    if (&next == queue.idle) {
        g_idle_cpus.set(queue.cpu);
        return;
    }
    g_idle_cpus.clear(queue.cpu);
    next.cpu.store(queue.cpu, std::memory_order_release);
    SchedVcpu& entry = next.sched;
    entry.place = SchedPlace::Running;
    entry.woken = false;
    entry.accounted = entry.slice_start = now;
    runstate_change(next, RunstateKind::Running, now);
}

void balance_now_and_then(RunQueue& queue, Nanoseconds now) {
    if (queue.waiting.load(std::memory_order_relaxed) == 0 || now - queue.balanced < kBalanceInterval) return;
    queue.balanced = now;  // this CPU's alone
    balance(queue, now);
}

// The decision, with the queue's lock held. Null: no vCPU here wants to run.
Vcpu* decide(RunQueue& queue, Nanoseconds now) {
    account_current(queue, now);
    const bool stays = may_stay(queue, now);
    SchedVcpu* best = queue_best(queue, now);
    if (stays && (!best || !should_preempt(queue, *best, now))) {
        SchedVcpu& current = queue.current->sched;
        current.yielded = false;
        if (now - current.slice_start >= kSlice) current.slice_start = now;
        return queue.current;
    }
    if (!best) return nullptr;
    if (stays && queue.current->sched.yielded && ahead(best->virtual_time, queue.current->sched.virtual_time) > 0)
        queue.current->sched.virtual_time = best->virtual_time;
    queue_remove(queue, *best);
    return best->vcpu;
}

}  // namespace

RunQueue& run_queue(CpuId cpu) {
    return g_queues[cpu.raw];
}

AtomicCpuSet& idle_cpus() {
    return g_idle_cpus;
}

void sched_init_cpu(CpuId cpu, Vcpu& idle) {
    RunQueue& queue = g_queues[cpu.raw];
    init_timer(queue.slice_timer, slice_over, &queue, cpu);
    Guard guard{queue.lock};
    queue.cpu = cpu;
    queue.current = queue.idle = &idle;
    queue.slice_deadline = kNoSlice;
    idle.running.store(true, std::memory_order_release);
    g_idle_cpus.set(cpu);
}

Vcpu& schedule(CpuId cpu, Nanoseconds now) {
    RunQueue& queue = g_queues[cpu.raw];
    queue.lock.lock();
    Vcpu& previous = *queue.current;
    Vcpu* next = decide(queue, now);
    if (!next) {
        // Nothing here: look around, and then once more at what came in meanwhile.
        queue.lock.unlock();
        steal(cpu, now);
        queue.lock.lock();
        next = decide(queue, now);
        if (!next) next = queue.idle;
    }
    if (next != &previous) {
        leave(queue, now);
        enter(queue, *next, now);
    } else if (queue.is_idle()) {
        g_idle_cpus.set(cpu);  // another CPU had claimed it, and a third one took away what was put here
    }
    const bool comes_back = next != &previous && &previous != queue.idle && previous.sched.counted;
    arm_slice(queue, comes_back ? 1 : 0, now);
    queue.lock.unlock();
    if (next != &previous) {
        // An idle vCPU has none.
        if (previous.period.load(std::memory_order_relaxed) != 0) [[unlikely]]
            suspend_ticks(previous);
        if (next->period.load(std::memory_order_relaxed) != 0) [[unlikely]]
            resume_ticks(*next);
    }
    // Not yet when the previous one is about to be queued again: then there will be one more that waits.
    if (!comes_back) balance_now_and_then(queue, now);
    return *next;
}

void sched_context_saved(Vcpu& previous) {
    SchedVcpu& entry = previous.sched;
    if (!entry.vcpu) {  // an idle vCPU
        previous.running.store(false, std::memory_order_release);
        return;
    }
    RunQueue& here = run_queue(entry.queue.load(std::memory_order_relaxed));  // stays while it is being saved
    std::int64_t lag = 0;
    Nanoseconds now = 0;
    {
        QueueGuard queue{entry};
        now = entry.accounted;
        // Only now may another CPU load the registers; the lock's release publishes them.
        previous.running.store(false, std::memory_order_release);
        if (!previous.runnable()) {
            entry.place = SchedPlace::Out;
            set_active(entry, false);
            runstate_change(previous, runstate_when_out(previous), now);
            return;
        }
        set_active(entry, true);
        runstate_change(previous, RunstateKind::Runnable, now);
        if (!cap_allows(domain_of(entry), now)) {
            park(entry, now);
            return;
        }
        const CpuId cpu = entry.hard.test(queue->cpu) && !idle_cpu_for(entry) ? queue->cpu : choose_cpu(entry);
        entry.place = SchedPlace::Moving;
        lag = ahead(entry.virtual_time, queue->virtual_time);
        entry.queue.store(cpu, std::memory_order_release);
    }
    finish_move(entry, lag, true, now);
    balance_now_and_then(here, now);
}

}  // namespace hv
