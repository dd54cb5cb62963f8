// The lists of one run queue, and its slice timer.
#include <algorithm>

#include "hv/machine/cpus.hpp"
#include "hv/sched/run_queue.hpp"

namespace hv {

QueueGuard::QueueGuard(const SchedVcpu& entry)
    : queue_{[&entry]() -> RunQueue& {
          for (;;) {
              const CpuId cpu = entry.queue.load(std::memory_order_acquire);
              RunQueue& queue = run_queue(cpu);
              queue.lock.lock();
              if (entry.queue.load(std::memory_order_relaxed) == cpu) return queue;
              queue.lock.unlock();
          }
      }()} {}

void set_active(SchedVcpu& entry, bool active) {
    if (entry.counted == active) return;
    entry.counted = active;
    domain_of(entry).active.fetch_add(active ? 1u : ~0u, std::memory_order_relaxed);
}

void queue_insert(RunQueue& queue, SchedVcpu& entry) {
    entry.reserved = domain_of(entry).reservation.load(std::memory_order_relaxed) != 0;
    entry.place = SchedPlace::Queued;
    WaitList& list = entry.reserved ? queue.reserved : queue.fair;
    SchedVcpu* position = list.front();
    while (position && ahead(entry.virtual_time, position->virtual_time) >= 0) position = list.next(*position);
    list.insert_before(position, entry);
    queue.waiting.fetch_add(1, std::memory_order_relaxed);
}

void queue_remove(RunQueue& queue, SchedVcpu& entry) {
    (entry.reserved ? queue.reserved : queue.fair).remove(entry);
    queue.waiting.fetch_sub(1, std::memory_order_relaxed);
}

namespace {

// The first of a list that may run; what its cap forbids is parked on the way.
SchedVcpu* first_allowed(RunQueue& queue, WaitList& list, Nanoseconds now) {
    while (SchedVcpu* first = list.front()) {
        if (cap_allows(domain_of(*first), now)) return first;
        queue_remove(queue, *first);
        park(*first, now);
    }
    return nullptr;
}

}  // namespace

SchedVcpu* queue_best(RunQueue& queue, Nanoseconds now) {
    SchedVcpu* fair = first_allowed(queue, queue.fair, now);
    SchedVcpu* reserved = first_allowed(queue, queue.reserved, now);
    for (SchedVcpu* entry = reserved; entry; entry = queue.reserved.next(*entry)) {
        if (is_owed(*entry, now, false) && cap_allows(domain_of(*entry), now)) return entry;
    }
    if (!fair || !reserved) return fair ? fair : reserved;
    return ahead(fair->virtual_time, reserved->virtual_time) <= 0 ? fair : reserved;
}

bool should_preempt(const RunQueue& queue, const SchedVcpu& best, Nanoseconds now) {
    if (queue.is_idle()) return true;
    const SchedVcpu& current = queue.current->sched;
    if (current.yielded) return true;
    const Nanoseconds ran = now - current.slice_start;
    if (ran < kRateLimit) return false;
    const bool best_owed = is_owed(best, now, false);
    if (best_owed != is_owed(current, now, true)) return best_owed;
    const std::int64_t lead = ahead(current.virtual_time, best.virtual_time);
    if (lead <= 0) return false;
    // It went first because of its reservation, and has had that: no need to wait for the end of its slice.
    if (domain_of(current).reservation.load(std::memory_order_relaxed) != 0 && !best_owed) return true;
    return ran >= kSlice || (best.woken && lead > static_cast<std::int64_t>(virtual_duration(best, kRateLimit)));
}

void arm_slice(RunQueue& queue, std::uint32_t more_waiting, Nanoseconds now) {
    Nanoseconds deadline = kNoSlice;
    if (!queue.is_idle()) {
        const SchedVcpu& current = queue.current->sched;
        if (const Nanoseconds limit = cap_limit(domain_of(current), now); limit != kNoSlice) deadline = now + limit;
        if (queue.waiting.load(std::memory_order_relaxed) + more_waiting != 0) {
            deadline = std::min(deadline, current.slice_start + kSlice);
            // Others get their turn when it has had what it was owed.
            const Nanoseconds owed = time_left_owed(current, now);
            if (owed != 0 && owed != kNoSlice) deadline = std::min(deadline, now + std::max(owed, kRateLimit));
        }
        // A sleeper that came back gets its chance when the current one has had its least time, and then now and again.
        const Nanoseconds rated = current.slice_start + kRateLimit;
        const Nanoseconds earliest = rated > now ? rated : now + kRateLimit;
        if (const SchedVcpu* first = queue.fair.front(); first && first->woken) deadline = std::min(deadline, earliest);
        if (const SchedVcpu* first = queue.reserved.front()) {
            if (first->woken) deadline = std::min(deadline, earliest);
            const Nanoseconds wait = time_until_owed(*first, now);
            if (wait != kNoSlice && !is_owed(current, now, true))
                deadline = std::min(deadline, std::max(earliest, now + wait));
        }
        // What a deadline in the past asks for was looked at just now, and changes nothing yet: look again a little
        // later.
        if (deadline != kNoSlice) deadline = std::max(deadline, now + kRateLimit / 4);
    }
    if (deadline == queue.slice_deadline) return;
    queue.slice_deadline = deadline;
    if (deadline == kNoSlice) {
        stop_timer(queue.slice_timer);
    } else {
        set_timer(queue.slice_timer, deadline);
    }
}

void enqueue(RunQueue& queue, SchedVcpu& entry, Nanoseconds now) {
    account_current(queue, now);
    set_active(entry, true);
    queue_insert(queue, entry);
    if (should_preempt(queue, entry, now)) {
        if (queue.is_idle()) idle_cpus().clear(queue.cpu);
        request_reschedule(queue.cpu);
    } else {
        arm_slice(queue, 0, now);
    }
}

}  // namespace hv
