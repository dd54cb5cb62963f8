// One CPU's run queue, and what the scheduler's files share. Nothing outside sched/ includes this.
#pragma once

#include <atomic>
#include <cstdint>

#include "hv/base/bitmap.hpp"
#include "hv/base/list.hpp"
#include "hv/base/spinlock.hpp"
#include "hv/base/types.hpp"
#include "hv/domain/domain.hpp"
#include "hv/domain/vcpu.hpp"
#include "hv/machine/cpus.hpp"
#include "hv/sched/sched.hpp"

namespace hv {

using WaitList = IntrusiveList<SchedVcpu, &SchedVcpu::hook>;

struct alignas(64) RunQueue {
    Spinlock lock{LockRank::RunQueue};
    std::atomic<std::uint32_t> waiting{0};  // length of both lists
    CpuId cpu{0};
    Vcpu* current = nullptr;
    Vcpu* idle = nullptr;
    WaitList fair;                   // by virtual time, least first
    WaitList reserved;               // the same, of domains that have a reservation
    std::uint64_t virtual_time = 0;  // of the one furthest behind; does not go back
    Nanoseconds balanced = 0;
    Nanoseconds slice_deadline = 0;  // kNoSlice: the timer is off
    Timer slice_timer;

    bool is_idle() const { return current == idle; }
};

inline constexpr Nanoseconds kCapPeriod = 30'000'000;  // a cap holds over each of these
inline constexpr Nanoseconds kNoSlice = INT64_MAX;
inline constexpr Nanoseconds kSleeperCredit = 2'000'000;  // how far ahead of the queue a sleeper comes back
inline constexpr Nanoseconds kMaxLag = 50'000'000;        // how far behind a vCPU may be
inline constexpr Nanoseconds kMaxLead = 2 * kSlice;       // how far ahead

RunQueue& run_queue(CpuId cpu);
AtomicCpuSet& idle_cpus();  // a hint; the CPU that clears a bit may use that one

inline SchedDomain& domain_of(const SchedVcpu& entry) {
    return entry.vcpu->domain.sched;
}

// The run queue that a vCPU belongs to, locked.
class [[nodiscard]] QueueGuard {
  public:
    explicit QueueGuard(const SchedVcpu& entry);
    ~QueueGuard() { queue_.lock.unlock(); }
    QueueGuard(const QueueGuard&) = delete;
    QueueGuard& operator=(const QueueGuard&) = delete;
    RunQueue& operator*() const { return queue_; }
    RunQueue* operator->() const { return &queue_; }

  private:
    RunQueue& queue_;
};

// virtual_time.cpp: `ran` nanoseconds as virtual time.
std::uint64_t virtual_duration(const SchedVcpu& entry, Nanoseconds ran);
inline std::int64_t ahead(std::uint64_t a, std::uint64_t b) {
    return static_cast<std::int64_t>(a - b);
}
// Charges the current vCPU for its time up to `now`; advances the queue's virtual time.
void account_current(RunQueue& queue, Nanoseconds now);
// Keeps `lag` (an entry's virtual time relative to its queue's) within the two bounds, given in real time.
std::int64_t clamp_lag(const SchedVcpu& entry, std::int64_t lag, Nanoseconds behind, Nanoseconds ahead_of);

// budget.cpp
void cap_refill(SchedDomain& domain, Nanoseconds now);
bool cap_allows(SchedDomain& domain, Nanoseconds now);
Nanoseconds cap_limit(SchedDomain& domain, Nanoseconds now);  // how long a vCPU may run now; kNoSlice: any time
// A domain is owed CPU time: `holding` it, it goes on until it has had it; otherwise a little must have come together.
bool is_owed(const SchedVcpu& entry, Nanoseconds now, bool holding);
Nanoseconds time_until_owed(const SchedVcpu& entry, Nanoseconds now);
Nanoseconds time_left_owed(const SchedVcpu& entry, Nanoseconds now);  // to the current vCPU; kNoSlice: no end
void spend(SchedDomain& domain, Nanoseconds ran, Nanoseconds now);
void park(SchedVcpu& entry, Nanoseconds now);  // queue lock held, not on a list

// queue.cpp; the queue's lock is held
void queue_insert(RunQueue& queue, SchedVcpu& entry);
void queue_remove(RunQueue& queue, SchedVcpu& entry);
// The one that should run next, still queued; parks those that may not run.
SchedVcpu* queue_best(RunQueue& queue, Nanoseconds now);
bool should_preempt(const RunQueue& queue, const SchedVcpu& best, Nanoseconds now);
// Adds it, starts the CPU or its slice timer if that is needed.
void enqueue(RunQueue& queue, SchedVcpu& entry, Nanoseconds now);
void arm_slice(RunQueue& queue, std::uint32_t more_waiting, Nanoseconds now);
void set_active(SchedVcpu& entry, bool active);

// placement.cpp
CpuId choose_cpu(const SchedVcpu& entry);
bool idle_cpu_for(const SchedVcpu& entry);
// With place Moving and `queue` set to the destination, and no lock held: queues it there if it is still runnable.
void finish_move(SchedVcpu& entry, std::int64_t lag, bool relative, Nanoseconds now);
// Takes a vCPU that waits elsewhere to this CPU's queue. No lock held. False when there was none.
bool steal(CpuId cpu, Nanoseconds now);

// balance.cpp; no lock held
void balance(RunQueue& queue, Nanoseconds now);

}  // namespace hv
