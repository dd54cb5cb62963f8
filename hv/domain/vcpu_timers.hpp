// A vCPU's timers: singleshot and periodic ones raise VIRQ_TIMER, the third ends SCHEDOP_poll.
#pragma once

#include <cstdint>

#include "hv/base/result.hpp"
#include "hv/base/types.hpp"

namespace hv {

class Vcpu;

// At creation; and before the vCPU goes (waits for running handlers).
void vcpu_timers_init(Vcpu& vcpu, CpuId cpu);
void vcpu_timers_destroy(Vcpu& vcpu);
// All three off, when the domain ends. Does not wait for handlers that run.
void vcpu_timers_stop(Vcpu& vcpu);

inline constexpr Nanoseconds kMinPeriod = 1'000'000;

// The handlers run on the calling CPU. `period` 0 stops it; below kMinPeriod or above 2^62 is BadArgument.
Result<> vcpu_set_periodic_timer(Vcpu& vcpu, std::uint64_t period);
// For a vCPU with a periodic timer, when it leaves its CPU and when it comes to the current one. It has ticks only
// while it runs. Ticks at other times would cost hv time that is charged to no domain, for as long as the domain sleeps
// or what is left of it is kept. If a tick came due meanwhile, resume_ticks() delivers it; no tick wakes a vCPU. Xen
// does the same.
void suspend_ticks(Vcpu& vcpu);
void resume_ticks(Vcpu& vcpu);
// `future_only`: TimePassed when the deadline has passed.
Result<> vcpu_set_singleshot_timer(Vcpu& vcpu, std::uint64_t deadline, bool future_only);
void vcpu_stop_singleshot_timer(Vcpu& vcpu);
// The old set_timer_op: 0 stops; a deadline absurdly far away (a guest's clock
// arithmetic gone wrong) fires soon instead.
void vcpu_set_timer_op(Vcpu& vcpu, std::uint64_t deadline);
// Ends the current vCPU's SCHEDOP_poll.
void vcpu_set_poll_timer(Vcpu& vcpu, std::uint64_t deadline);

}  // namespace hv
