// What the scheduler keeps in every vCPU and in every domain. See sched.hpp for how it works.
#pragma once

#include <atomic>
#include <cstdint>

#include "hv/base/bitmap.hpp"
#include "hv/base/list.hpp"
#include "hv/base/spinlock.hpp"
#include "hv/base/types.hpp"
#include "hv/time/timer_queue.hpp"

namespace hv {

class Vcpu;

// Where the scheduler has a vCPU. Changes under the lock of the run queue `SchedVcpu::queue`.
enum class SchedPlace : std::uint8_t {
    Removed,  // not (or no longer) known to the scheduler
    Out,      // not runnable
    Parked,   // runnable, but its domain's cap is used up
    Queued,   // waits in the run queue
    Running,  // is the queue's current vCPU
    Saving,   // was; its registers are being saved
    Moving,   // on its way to the run queue `queue`
};

struct SchedVcpu {
    SchedVcpu() {
        hard.set_all();
        soft.set_all();
    }

    Vcpu* vcpu = nullptr;
    std::atomic<CpuId> queue{};  // the run queue that it belongs to; changes under that queue's lock
    SchedPlace place = SchedPlace::Removed;
    bool counted = false;  // in SchedDomain::active
    bool woken = false;    // entered the queue by waking up: may preempt before a slice is over
    bool yielded = false;
    bool reserved = false;  // queued on the list of vCPUs whose domain has a reservation
    bool pin_override = false;
    ListHook hook;

    std::uint64_t virtual_time = 0;  // weighted run time, on its queue's scale; only differences mean something
    Nanoseconds accounted = 0;       // run time is charged up to here
    Nanoseconds slice_start = 0;

    CpuSet hard;        // may run here only
    CpuSet soft;        // would rather run here
    CpuSet saved_hard;  // while pin_override
};

// Budgets are nanoseconds of CPU time; they change by atomic operations, from any CPU, without a lock.
struct SchedDomain {
    std::atomic<std::uint32_t> weight{256};
    std::atomic<std::uint32_t> cap{0};          // percent of one CPU; 0: none
    std::atomic<std::uint32_t> reservation{0};  // percent of one CPU
    std::atomic<std::uint32_t> active{0};       // vCPUs that run or want to

    std::atomic<std::int64_t> cap_budget{0};
    std::atomic<Nanoseconds> cap_period{0};  // start of the current period
    std::atomic<std::int64_t> reserved_budget{0};
    std::atomic<Nanoseconds> reserved_since{0};  // refilled up to here
    Timer refill_timer;                          // set when a vCPU has been parked
    Timer unpark_timer;                          // a period has begun, and not all vCPUs have been looked at
    // The first vCPU that was not looked at, and how many there are from it on, going round. Only the two timers'
    // handlers use these, on one CPU.
    VcpuId next_unparked;
    std::uint32_t left_unparked = 0;
};

}  // namespace hv
