#include "hv/time/timer_queue.hpp"

#include <array>

#include "hv/base/log.hpp"
#include "hv/base/spinlock.hpp"
#include "hv/machine/clock.hpp"
#include "hv/machine/cpus.hpp"
#include "hv/machine/timer.hpp"
#include "hv/time/patience.hpp"
#include "hv/time/timer_heap.hpp"
#include "hv/time/timer_lateness.hpp"

namespace hv {
namespace {

struct alignas(64) TimerQueue {
    Spinlock lock{LockRank::Timers};
    TimerHeap heap;
    std::atomic<Timer*> running{nullptr};        // its handler is being called; set under the lock
    Nanoseconds programmed = time::kNoDeadline;  // what the hardware was told last
    bool update_requested = false;
    std::atomic<Nanoseconds> earliest{time::kNoDeadline};  // the heap's first deadline, for looks without the lock
    CpuId looked_at{0};  // the last of the others that this CPU has looked at; its own alone
    // What this CPU was asked for (unanswered_reschedule()) when another CPU looked last, and since when.
    std::atomic<std::uint32_t> asked{0};
    std::atomic<Nanoseconds> asked_since{0};
};

constexpr unsigned kHandlersPerInterrupt = 256;
constexpr Nanoseconds kTimePerInterrupt = 100'000;

constinit std::array<TimerQueue, kMaxCpus> g_queues{};

// The queue that a timer belongs to, locked. A moving timer belongs to the one it moves to.
TimerQueue& lock_queue_of(const Timer& timer) {
    for (;;) {
        const CpuId cpu = timer.cpu.load(std::memory_order_acquire);
        g_queues[cpu.raw].lock.lock();
        if (timer.cpu.load(std::memory_order_relaxed) == cpu) return g_queues[cpu.raw];
        g_queues[cpu.raw].lock.unlock();
    }
}

void note_first(TimerQueue& queue) {
    const Timer* first = queue.heap.first();
    queue.earliest.store(first ? first->deadline : time::kNoDeadline, std::memory_order_relaxed);
}

bool is_late(const TimerQueue& queue, Nanoseconds now) {
    return queue.earliest.load(std::memory_order_relaxed) < now - kTimerLate;
}

// An interrupt that should have come long before a timer that is being added. Only then is the clock worth reading.
bool is_long_past(Nanoseconds deadline, const Timer& added) {
    return deadline != INT64_MIN && deadline < added.deadline - kTimerLate && deadline < time::now() - kTimerLate;
}

// After the queue has changed: makes sure that an interrupt comes early enough. One that comes too early finds nothing
// due and programs the next; that is cheaper than taking interrupts back.
void ensure_interrupt(TimerQueue& queue, CpuId cpu, const Timer& added) {
    note_first(queue);
    if (queue.heap.first()->deadline >= queue.programmed) {
        // One that was lost would be waited for for ever.
        if (is_long_past(queue.programmed, added)) [[unlikely]]
            request_timer_update(cpu);
        return;
    }
    if (cpu == current_cpu()) {
        queue.programmed = queue.heap.coalesced_deadline();
        time::program_timer(queue.programmed);
    } else if (!queue.update_requested || is_long_past(queue.heap.first()->deadline, added)) {
        queue.update_requested = true;
        request_timer_update(cpu);
    }
}

void take_off(TimerQueue& queue, Timer& timer) {
    if (timer.state == Timer::State::Queued) {
        queue.heap.remove(timer);
        note_first(queue);
    }
    if (timer.state != Timer::State::Dead) timer.state = Timer::State::Idle;
}

}  // namespace

void init_timer(Timer& timer, void (*handler)(void*), void* argument, CpuId cpu) {
    timer.handler = handler;
    timer.argument = argument;
    timer.state = Timer::State::Idle;
    timer.cpu.store(cpu, std::memory_order_release);
}

void set_timer(Timer& timer, Nanoseconds deadline) {
    TimerQueue& queue = lock_queue_of(timer);
    if (timer.state != Timer::State::Dead) {
        take_off(queue, timer);
        timer.deadline = deadline;
        timer.state = Timer::State::Queued;
        queue.heap.add(timer);
        ensure_interrupt(queue, timer.cpu.load(std::memory_order_relaxed), timer);
    }
    queue.lock.unlock();
}

void stop_timer(Timer& timer) {
    TimerQueue& queue = lock_queue_of(timer);
    take_off(queue, timer);
    queue.lock.unlock();
}

void kill_timer(Timer& timer) {
    {
        TimerQueue& queue = lock_queue_of(timer);
        take_off(queue, timer);
        timer.state = Timer::State::Dead;
        queue.lock.unlock();
    }
    // Its handler may run on a CPU whose queue it has left since. It was taken off that queue under the queue's lock,
    // and the CPU that moved it, or took it off now, had the lock afterwards. So no lock is needed to see the handler
    // here: a domain with many vCPUs makes many such looks.
    for_each_bit(online_cpus(), [&timer](CpuId cpu) {
        if (cpu == current_cpu()) return;
        while (g_queues[cpu.raw].running.load(std::memory_order_acquire) == &timer) spin_pause();
    });
}

void migrate_timer(Timer& timer, CpuId cpu) {
    TimerQueue& from = lock_queue_of(timer);
    if (timer.cpu.load(std::memory_order_relaxed) == cpu) {
        from.lock.unlock();
        return;
    }
    const bool queued = timer.state == Timer::State::Queued || timer.state == Timer::State::Moving;
    take_off(from, timer);
    if (queued) timer.state = Timer::State::Moving;
    timer.cpu.store(cpu, std::memory_order_release);
    from.lock.unlock();
    if (!queued) return;

    // In between it may have been set, stopped, killed or moved on; then there is nothing left to do here.
    TimerQueue& to = lock_queue_of(timer);
    if (timer.state == Timer::State::Moving) {
        timer.state = Timer::State::Queued;
        to.heap.add(timer);
        ensure_interrupt(to, timer.cpu.load(std::memory_order_relaxed), timer);
    }
    to.lock.unlock();
}

bool timer_pending(const Timer& timer) {
    TimerQueue& queue = lock_queue_of(timer);
    const bool pending = timer.state == Timer::State::Queued || timer.state == Timer::State::Moving;
    queue.lock.unlock();
    return pending;
}

Nanoseconds timer_deadline(const Timer& timer) {
    TimerQueue& queue = lock_queue_of(timer);
    const Nanoseconds deadline = timer.deadline;
    queue.lock.unlock();
    return deadline;
}

namespace {

// A vCPU was put on its queue, and the interrupt that was to tell it may have been lost: it sleeps.
void look_whether_asked(CpuId other, Nanoseconds now) {
    TimerQueue& queue = g_queues[other.raw];
    const std::uint32_t asked = unanswered_reschedule(other);
    if (asked != queue.asked.load(std::memory_order_relaxed)) {
        queue.asked_since.store(now, std::memory_order_relaxed);
        queue.asked.store(asked, std::memory_order_relaxed);
        return;
    }
    const Nanoseconds waited = now - queue.asked_since.load(std::memory_order_relaxed);
    if (asked == 0 || waited < kTimerLate) return;
    queue.asked_since.store(now, std::memory_order_relaxed);
    request_reschedule(other);
    CpuSet late;
    late.set(other);
    note_asked_again(late, waited);
}

// A CPU whose interrupt is lost while its guest computes, or while it sleeps, cannot notice. A CPU that has interrupts
// looks at one of the others each time.
void look_at_another(TimerQueue& own, CpuId self, Nanoseconds now) {
    if (online_cpus().empty()) return;
    const CpuId other = next_round(online_cpus(), own.looked_at);
    own.looked_at = other;
    if (other == self) return;
    if (is_late(g_queues[other.raw], now)) request_timer_update(other);
    look_whether_asked(other, now);
}

void run_due_timers(bool interrupted) {
    const CpuId cpu = current_cpu();
    TimerQueue& queue = g_queues[cpu.raw];
    queue.lock.lock();
    queue.update_requested = false;
    // A bounded number of handlers and a bounded time: one that sets its timer to a time that has passed,
    // or very many that are due at once, as a guest with many vCPUs can have them, get the next
    // interrupt. Those of devices come between the two.
    const Nanoseconds due = time::now();
    const Nanoseconds late = is_late(queue, due) ? due - queue.heap.first()->deadline : 0;
    const bool missed =
        late != 0 && !interrupted && queue.programmed < due - kTimerLate && !time::timer_interrupt_expected();
    for (unsigned handled = 0; handled < kHandlersPerInterrupt; ++handled) {
        Timer* timer = queue.heap.first();
        if (!timer || timer->deadline > due) break;
        if (handled != 0 && time::now() - due > kTimePerInterrupt) break;
        take_off(queue, *timer);
        void (*const handler)(void*) = timer->handler;
        void* const argument = timer->argument;
        queue.running.store(timer, std::memory_order_release);
        // While handlers run the hardware need not be programmed; that is done once, below.
        queue.programmed = INT64_MIN;
        queue.lock.unlock();
        handler(argument);
        queue.lock.lock();
        queue.running.store(nullptr, std::memory_order_release);
    }
    queue.programmed = queue.heap.first() ? queue.heap.coalesced_deadline() : time::kNoDeadline;
    time::program_timer(queue.programmed);
    queue.lock.unlock();
    if (late != 0) [[unlikely]]
        note_late_timer(cpu, late, missed, due);
    look_at_another(queue, cpu, due);
}

}  // namespace

void time::timer_interrupt() {
    run_due_timers(true);
}

void time::update_timers() {
    run_due_timers(false);
}

void check_timers(Nanoseconds now) {
    if (is_late(g_queues[current_cpu().raw], now)) [[unlikely]]
        time::update_timers();
}

void dump_timers() {
    const Nanoseconds now = time::now();
    info("timers at {} ns:", now);
    for_each_bit(online_cpus(), [now](CpuId cpu) {
        TimerQueue& queue = g_queues[cpu.raw];
        Guard guard{queue.lock};
        info("  CPU {}:", cpu);
        queue.heap.for_each([now](const Timer& timer) {
            info("    in {} ns: {}({})", timer.deadline - now, reinterpret_cast<const void*>(timer.handler),
                 timer.argument);
        });
    });
}

}  // namespace hv
