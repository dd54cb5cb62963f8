// Timers: a handler that runs once, on one CPU, at or soon after a point of system time.
//
// Every CPU has a queue of its own with a lock of its own (LockRank::Timers); a timer belongs to one CPU at a time. A
// handler runs with interrupts off and no lock held, never before its deadline, and may set its timer again. Timers
// that are due within kTimerSlop of each other share one interrupt: the later one's.
//
// Nothing here trusts an interrupt to come. A deadline that is long past (kTimerLate) is noticed by its
// CPU when it schedules, takes a device's interrupt or sets a timer, and by the others, each of which
// looks at one more CPU whenever it handles timers.
//
// Any CPU may call any function here, with any lock held that ranks below Timers, except where it says otherwise.
#pragma once

#include <atomic>
#include <cstdint>

#include "hv/base/types.hpp"

namespace hv {

inline constexpr Nanoseconds kTimerSlop = 50'000;

// Lives in the object whose timer it is; kill_timer() before that object goes. Members belong to timer_queue.cpp.
struct Timer {
    enum class State : std::uint8_t { Idle, Queued, Moving, Dead };

    void (*handler)(void*) = nullptr;
    void* argument = nullptr;
    std::atomic<CpuId> cpu{};  // whose queue; changes under that queue's lock only
    State state = State::Dead;
    Nanoseconds deadline = 0;
    // The heap: `previous` is the parent of a first child, otherwise the sibling before.
    Timer* child = nullptr;
    Timer* next = nullptr;
    Timer* previous = nullptr;
};

// Before any other use.
void init_timer(Timer& timer, void (*handler)(void*), void* argument, CpuId cpu);
// Makes it run at `deadline` (at once when that has passed) instead of whenever it
// would have. Nothing after kill_timer.
void set_timer(Timer& timer, Nanoseconds deadline);
// It does not start to run after this; it may be running now.
void stop_timer(Timer& timer);
// Final: stops it, and returns when it is not running any more (at once inside its own handler). The
// caller holds no lock that the handler takes.
void kill_timer(Timer& timer);
// Belongs to `cpu` from now on, with its deadline.
void migrate_timer(Timer& timer, CpuId cpu);
bool timer_pending(const Timer& timer);
// When it runs, or ran last.
Nanoseconds timer_deadline(const Timer& timer);

// Debug key: every CPU's pending timers.
void dump_timers();

// On the way into the scheduler and the like, with no lock held: runs what is overdue on this CPU.
void check_timers(Nanoseconds now);

}  // namespace hv
