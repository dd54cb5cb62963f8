#include "hv/time/timer_queue.hpp"

#include <array>

#include "hv/base/cpu.hpp"
#include "hv/base/log.hpp"
#include "hv/base/spinlock.hpp"
#include "hv/time/clock.hpp"
#include "hv/time/timer_hardware.hpp"
#include "hv/time/timer_heap.hpp"

namespace hv {
namespace {

struct alignas(64) TimerQueue {
    Spinlock lock{LockRank::Timers};
    TimerHeap heap;
    Timer* running = nullptr;                    // its handler is being called
    Nanoseconds programmed = time::kNoDeadline;  // what the hardware was told last
    bool update_requested = false;
};

constexpr unsigned kHandlersPerInterrupt = 256;

constinit std::array<TimerQueue, kMaxCpus> g_queues{};

// The queue that a timer belongs to, locked. A moving timer belongs to the one it moves to.
TimerQueue& lock_queue_of(const Timer& timer) {
    for (;;) {
        const CpuId cpu = timer.cpu.load(std::memory_order_acquire);
        g_queues[cpu].lock.lock();
        if (timer.cpu.load(std::memory_order_relaxed) == cpu) return g_queues[cpu];
        g_queues[cpu].lock.unlock();
    }
}

// After the queue has changed: makes sure that an interrupt comes early enough. One that comes too early finds nothing due
// and programs the next; that is cheaper than taking interrupts back.
void ensure_interrupt(TimerQueue& queue, CpuId cpu) {
    Timer* first = queue.heap.first();
    if (!first || first->deadline >= queue.programmed) return;
    if (cpu == current_cpu()) {
        queue.programmed = queue.heap.coalesced_deadline();
        time::program_timer(queue.programmed);
    } else if (!queue.update_requested) {
        queue.update_requested = true;
        request_timer_update(cpu);
    }
}

void take_off(TimerQueue& queue, Timer& timer) {
    if (timer.state == Timer::State::Queued) queue.heap.remove(timer);
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
        ensure_interrupt(queue, timer.cpu.load(std::memory_order_relaxed));
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
    // It may run on a CPU that it has left since.
    for (CpuId cpu = 0; cpu < kMaxCpus; ++cpu) {
        if (cpu == current_cpu() || !online_cpus().test(cpu)) continue;
        TimerQueue& queue = g_queues[cpu];
        for (;;) {
            queue.lock.lock();
            const bool runs = queue.running == &timer;
            queue.lock.unlock();
            if (!runs) break;
            spin_pause();
        }
    }
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
        ensure_interrupt(to, timer.cpu.load(std::memory_order_relaxed));
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

void time::timer_interrupt() {
    const CpuId cpu = current_cpu();
    TimerQueue& queue = g_queues[cpu];
    queue.lock.lock();
    queue.update_requested = false;
    // One look at the clock and a bounded number of handlers: one that sets its timer to a time that has passed, or very many
    // that are due at once, get the next interrupt.
    const Nanoseconds due = time::now();
    for (unsigned handled = 0; handled < kHandlersPerInterrupt; ++handled) {
        Timer* timer = queue.heap.first();
        if (!timer || timer->deadline > due) break;
        take_off(queue, *timer);
        void (*const handler)(void*) = timer->handler;
        void* const argument = timer->argument;
        queue.running = timer;
        // While handlers run nobody needs to program the hardware; it is done once, below.
        queue.programmed = INT64_MIN;
        queue.lock.unlock();
        handler(argument);
        queue.lock.lock();
        queue.running = nullptr;
    }
    queue.programmed = queue.heap.first() ? queue.heap.coalesced_deadline() : time::kNoDeadline;
    time::program_timer(queue.programmed);
    queue.lock.unlock();
}

void dump_timers() {
    const Nanoseconds now = time::now();
    info("timers at {} ns:", now);
    for_each_bit(online_cpus(), [now](std::size_t cpu) {
        TimerQueue& queue = g_queues[cpu];
        Guard guard{queue.lock};
        info("  CPU {}:", cpu);
        queue.heap.for_each([now](const Timer& timer) {
            info("    in {} ns: {}({})", timer.deadline - now, reinterpret_cast<const void*>(timer.handler), timer.argument);
        });
    });
}

}  // namespace hv
