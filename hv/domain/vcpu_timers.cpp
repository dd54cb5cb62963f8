#include "hv/domain/vcpu_timers.hpp"

#include <algorithm>

#include "hv/abi/xen/shared_info.hpp"
#include "hv/domain/domain.hpp"
#include "hv/domain/vcpu.hpp"
#include "hv/machine/clock.hpp"
#include "hv/machine/cpus.hpp"

namespace hv {
namespace {

constexpr auto kTimerVirq = static_cast<std::uint32_t>(abi::xen::Virq::Timer);
constexpr std::uint64_t kFarthestDeadline = std::uint64_t{1} << 62;

void singleshot_fired(void* argument) {
    notify_vcpu_virq(*static_cast<Vcpu*>(argument), kTimerVirq);
}

void periodic_fired(void* argument) {
    Vcpu& vcpu = *static_cast<Vcpu*>(argument);
    const Nanoseconds period = vcpu.period.load(std::memory_order_relaxed);
    if (period == 0) return;
    // It was set for a vCPU that does not run, or ran at the end: this tick waits until it does (resume_ticks()).
    if (!vcpu.running.load(std::memory_order_acquire)) return;
    notify_vcpu_virq(vcpu, kTimerVirq);
    // Periods that were missed are not made up for: the pending event stands for all of them.
    const Nanoseconds now = time::now();
    Nanoseconds next = timer_deadline(vcpu.periodic_timer) + period;
    if (next <= now) next = now + period;
    // Another vCPU may have set it, on a CPU that has nothing to do with this one.
    migrate_timer(vcpu.periodic_timer, vcpu.cpu.load(std::memory_order_relaxed));
    set_timer(vcpu.periodic_timer, next);
}

void poll_timed_out(void* argument) {
    Vcpu& vcpu = *static_cast<Vcpu*>(argument);
    if (vcpu.domain.events.stop_polling(vcpu)) vcpu.unblock();
}

// To a time that a guest chose. One that has passed is due now: no timer is late because a guest says so.
void set_here(Timer& timer, std::uint64_t deadline, Nanoseconds now) {
    migrate_timer(timer, current_cpu());
    set_timer(timer, std::max(now, static_cast<Nanoseconds>(std::min(deadline, kFarthestDeadline))));
}

}  // namespace

void vcpu_timers_init(Vcpu& vcpu, CpuId cpu) {
    init_timer(vcpu.singleshot_timer, singleshot_fired, &vcpu, cpu);
    init_timer(vcpu.periodic_timer, periodic_fired, &vcpu, cpu);
    init_timer(vcpu.poll_timer, poll_timed_out, &vcpu, cpu);
}

void vcpu_timers_destroy(Vcpu& vcpu) {
    vcpu.period.store(0, std::memory_order_relaxed);
    kill_timer(vcpu.singleshot_timer);
    kill_timer(vcpu.periodic_timer);
    kill_timer(vcpu.poll_timer);
}

void vcpu_timers_stop(Vcpu& vcpu) {
    vcpu.period.store(0, std::memory_order_relaxed);
    stop_timer(vcpu.singleshot_timer);
    stop_timer(vcpu.periodic_timer);
    stop_timer(vcpu.poll_timer);
}

Result<> vcpu_set_periodic_timer(Vcpu& vcpu, std::uint64_t period) {
    if (period == 0) {
        vcpu.period.store(0, std::memory_order_relaxed);
        stop_timer(vcpu.periodic_timer);
        return {};
    }
    if (period < static_cast<std::uint64_t>(kMinPeriod) || period > kFarthestDeadline) return fail(Error::BadArgument);
    vcpu.period.store(static_cast<Nanoseconds>(period), std::memory_order_relaxed);
    migrate_timer(vcpu.periodic_timer, current_cpu());
    set_timer(vcpu.periodic_timer, time::now() + static_cast<Nanoseconds>(period));
    return {};
}

void suspend_ticks(Vcpu& vcpu) {
    stop_timer(vcpu.periodic_timer);
}

void resume_ticks(Vcpu& vcpu) {
    const Nanoseconds period = vcpu.period.load(std::memory_order_relaxed);
    if (period == 0) return;
    const Nanoseconds now = time::now();
    Nanoseconds next = timer_deadline(vcpu.periodic_timer);
    if (next <= now) {
        notify_vcpu_virq(vcpu, kTimerVirq);
        next = now + period;
    }
    set_here(vcpu.periodic_timer, static_cast<std::uint64_t>(next), now);
}

Result<> vcpu_set_singleshot_timer(Vcpu& vcpu, std::uint64_t deadline, bool future_only) {
    const Nanoseconds now = time::now();
    if (future_only && deadline < static_cast<std::uint64_t>(now)) return fail(Error::TimePassed);
    set_here(vcpu.singleshot_timer, deadline, now);
    return {};
}

void vcpu_stop_singleshot_timer(Vcpu& vcpu) {
    stop_timer(vcpu.singleshot_timer);
}

void vcpu_set_timer_op(Vcpu& vcpu, std::uint64_t deadline) {
    constexpr std::uint64_t kAbsurd = std::uint64_t{1} << 50;  // 13 days ahead
    constexpr Nanoseconds kSoon = 100'000'000;
    const Nanoseconds now = time::now();
    if (deadline == 0) {
        stop_timer(vcpu.singleshot_timer);
        return;
    }
    const bool absurd = deadline > static_cast<std::uint64_t>(now) + kAbsurd;
    set_here(vcpu.singleshot_timer, absurd ? static_cast<std::uint64_t>(now + kSoon) : deadline, now);
}

void vcpu_set_poll_timer(Vcpu& vcpu, std::uint64_t deadline) {
    set_here(vcpu.poll_timer, deadline, time::now());
}

}  // namespace hv
