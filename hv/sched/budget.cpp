// Caps and reservations: how much CPU time a domain may still have, and how much it is owed.
#include <algorithm>

#include "hv/machine/clock.hpp"
#include "hv/sched/run_queue.hpp"

namespace hv {
namespace {

constexpr Nanoseconds kCapLeast = 200'000;         // shorter runs cost more than they give
constexpr Nanoseconds kReserveBurst = 20'000'000;  // a domain that slept is owed its share of this much
constexpr Nanoseconds kReserveQuantum = 2'000'000;

// percent of one CPU over `duration`
std::int64_t share(std::uint32_t percent, Nanoseconds duration) {
    return duration / 100 * percent;
}

void add_up_to(std::atomic<std::int64_t>& budget, std::int64_t amount, std::int64_t most) {
    std::int64_t before = budget.load(std::memory_order_relaxed);
    while (!budget.compare_exchange_weak(before, std::min(before + amount, most), std::memory_order_relaxed)) {
    }
}

// Time since the budget was last refilled, for the one caller that gets to do it now.
Nanoseconds claim_time(std::atomic<Nanoseconds>& since, Nanoseconds now, Nanoseconds unit) {
    Nanoseconds before = since.load(std::memory_order_relaxed);
    const Nanoseconds passed = (now - before) / unit * unit;
    if (passed <= 0 || !since.compare_exchange_strong(before, before + passed, std::memory_order_relaxed)) return 0;
    return passed;
}

void reserve_refill(SchedDomain& domain, std::uint32_t percent, Nanoseconds now) {
    const Nanoseconds passed = claim_time(domain.reserved_since, now, 1);
    if (passed <= 0) return;
    add_up_to(domain.reserved_budget, share(percent, std::min(passed, kReserveBurst)) + passed % 100 * percent / 100,
              share(percent, kReserveBurst));
}

}  // namespace

void cap_refill(SchedDomain& domain, Nanoseconds now) {
    const std::uint32_t percent = domain.cap.load(std::memory_order_relaxed);
    const Nanoseconds passed = claim_time(domain.cap_period, now, kCapPeriod);
    if (passed <= 0) return;
    const std::int64_t quota = share(percent, kCapPeriod);
    add_up_to(domain.cap_budget, passed / kCapPeriod * quota, quota);
}

bool cap_allows(SchedDomain& domain, Nanoseconds now) {
    if (domain.cap.load(std::memory_order_relaxed) == 0) return true;
    cap_refill(domain, now);
    return domain.cap_budget.load(std::memory_order_relaxed) > 0;
}

Nanoseconds cap_limit(SchedDomain& domain, Nanoseconds now) {
    if (domain.cap.load(std::memory_order_relaxed) == 0) return kNoSlice;
    cap_refill(domain, now);
    const std::int64_t active = std::max(1u, domain.active.load(std::memory_order_relaxed));
    return std::max(domain.cap_budget.load(std::memory_order_relaxed) / active, kCapLeast);
}

bool is_owed(const SchedVcpu& entry, Nanoseconds now, bool holding) {
    SchedDomain& domain = domain_of(entry);
    const std::uint32_t percent = domain.reservation.load(std::memory_order_relaxed);
    if (percent == 0) return false;
    reserve_refill(domain, percent, now);
    const std::int64_t least = holding ? 1 : std::min(kReserveQuantum, share(percent, kReserveBurst) / 2);
    return domain.reserved_budget.load(std::memory_order_relaxed) >= least;
}

Nanoseconds time_until_owed(const SchedVcpu& entry, Nanoseconds now) {
    if (is_owed(entry, now, false)) return 0;
    SchedDomain& domain = domain_of(entry);
    const std::uint32_t percent = domain.reservation.load(std::memory_order_relaxed);
    if (percent == 0) return kNoSlice;
    const std::int64_t missing = kReserveQuantum - domain.reserved_budget.load(std::memory_order_relaxed);
    return std::max<Nanoseconds>(missing, 0) * 100 / percent;
}

Nanoseconds time_left_owed(const SchedVcpu& entry, Nanoseconds now) {
    if (!is_owed(entry, now, true)) return 0;
    const SchedDomain& domain = domain_of(entry);
    const std::int64_t percent = domain.reservation.load(std::memory_order_relaxed);
    const std::int64_t active = std::max(1u, domain.active.load(std::memory_order_relaxed));
    // More comes in while it runs; with a whole CPU or more promised to each it never ends.
    const std::int64_t drain = 100 * active - percent;
    return drain <= 0 ? kNoSlice : domain.reserved_budget.load(std::memory_order_relaxed) * 100 / drain;
}

void spend(SchedDomain& domain, Nanoseconds ran, Nanoseconds now) {
    if (domain.cap.load(std::memory_order_relaxed) != 0) domain.cap_budget.fetch_sub(ran, std::memory_order_relaxed);
    if (const std::uint32_t percent = domain.reservation.load(std::memory_order_relaxed)) {
        // What came in meanwhile first, or it would be owed something after every run.
        reserve_refill(domain, percent, now);
        // Beyond what it was owed it runs on its weight; that is not held against the reservation.
        std::int64_t before = domain.reserved_budget.load(std::memory_order_relaxed);
        while (!domain.reserved_budget.compare_exchange_weak(before, std::max<std::int64_t>(before - ran, 0),
                                                             std::memory_order_relaxed)) {
        }
    }
}

void park(SchedVcpu& entry, Nanoseconds now) {
    SchedDomain& domain = domain_of(entry);
    entry.place = SchedPlace::Parked;
    const Nanoseconds next = domain.cap_period.load(std::memory_order_relaxed) + kCapPeriod;
    set_timer(domain.refill_timer, std::max(next, now));
}

namespace {

// A new period: whatever was parked may run again.
void unpark(SchedVcpu& entry, Nanoseconds now) {
    {
        QueueGuard queue{entry};
        if (entry.place != SchedPlace::Parked) return;
        if (!cap_allows(domain_of(entry), now)) {
            park(entry, now);
            return;
        }
        entry.place = SchedPlace::Moving;
        entry.woken = false;
        entry.virtual_time -= queue->virtual_time;
        // From here on no queue has it, and its virtual time is a lag.
        entry.queue.store(choose_cpu(entry), std::memory_order_release);
    }
    finish_move(entry, static_cast<std::int64_t>(entry.virtual_time), true, now);
}

// Null: there is none, or it is not the scheduler's.
SchedVcpu* scheduled(Domain& domain, VcpuId id) {
    Vcpu* vcpu = domain.vcpu(id);
    return vcpu && vcpu->sched.vcpu ? &vcpu->sched : nullptr;
}

// A domain's vCPUs in pieces, each with an interrupt of its own: others' come in between.
void unpark_some(void* argument) {
    constexpr std::uint32_t kAtOnce = 16;
    Domain& domain = *static_cast<Domain*>(argument);
    const Nanoseconds now = time::now();
    SchedDomain& sched = domain.sched;
    for (std::uint32_t done = 0; done < kAtOnce && sched.left_unparked > 0; ++done, --sched.left_unparked) {
        if (SchedVcpu* entry = scheduled(domain, sched.next_unparked)) unpark(*entry, now);
        sched.next_unparked = VcpuId{(sched.next_unparked.raw + 1) % domain.max_vcpus};
    }
    if (sched.left_unparked > 0)
        set_timer(sched.unpark_timer, now + 1);  // not due yet for the interrupt that runs this
}

// The vCPUs that are unparked first find CPUs, and may use up the domain's time before the others have a turn. So the
// one that has waited longest begins.
void refill_fired(void* argument) {
    Domain& domain = *static_cast<Domain*>(argument);
    Nanoseconds longest = kNoSlice;
    for (VcpuId id : ids<VcpuId>(domain.max_vcpus)) {
        SchedVcpu* entry = scheduled(domain, id);
        if (!entry) continue;
        QueueGuard queue{*entry};
        if (entry->place != SchedPlace::Parked || entry->accounted >= longest) continue;
        longest = entry->accounted;
        domain.sched.next_unparked = id;
    }
    domain.sched.left_unparked = domain.max_vcpus;
    unpark_some(argument);
}

}  // namespace

void sched_init_domain(Domain& domain) {
    init_timer(domain.sched.refill_timer, refill_fired, &domain, current_cpu());
    init_timer(domain.sched.unpark_timer, unpark_some, &domain, current_cpu());
    domain.sched.cap_period.store(time::now(), std::memory_order_relaxed);
    domain.sched.reserved_since.store(time::now(), std::memory_order_relaxed);
}

}  // namespace hv
