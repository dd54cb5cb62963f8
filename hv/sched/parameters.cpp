// Weights, caps and reservations as the toolstack sets them.
#include "hv/machine/clock.hpp"
#include "hv/sched/run_queue.hpp"

namespace hv {

namespace {

constinit Spinlock g_lock{LockRank::Leaf};
constinit std::uint64_t g_reserved = 0;  // percent of one CPU, over all domains

Result<> reserve(SchedDomain& domain, std::uint32_t percent) {
    Guard guard{g_lock};
    const std::uint64_t others = g_reserved - domain.reservation.load(std::memory_order_relaxed);
    if (percent != 0 && others + percent > online_cpus().count() * 100) return fail(Error::NoSpace);
    g_reserved = others + percent;
    domain.reservation.store(percent, std::memory_order_relaxed);
    return {};
}

}  // namespace

Result<> sched_set_parameters(Domain& domain, const abi::control::SchedParameters& parameters) {
    using namespace abi::control;
    if (parameters.weight < kMinWeight || parameters.weight > kMaxWeight) return fail(Error::BadArgument);
    // More than its vCPUs can use at all means nothing (0 is no cap).
    const std::uint32_t most = domain.max_vcpus * 100;
    if (parameters.reservation > most || parameters.cap > kMaxCpus * 100) return fail(Error::BadArgument);
    if (parameters.cap != 0 && parameters.reservation > parameters.cap) return fail(Error::BadArgument);
    TRY(reserve(domain.sched, parameters.reservation));
    domain.sched.weight.store(parameters.weight, std::memory_order_relaxed);
    if (domain.sched.cap.exchange(parameters.cap, std::memory_order_relaxed) != parameters.cap) {
        // A new cap starts with a new period, and releases what the old one had parked.
        domain.sched.cap_budget.store(0, std::memory_order_relaxed);
        domain.sched.cap_period.store(time::now() - kCapPeriod, std::memory_order_relaxed);
        set_timer(domain.sched.refill_timer, time::now());
    }
    return {};
}

void sched_get_parameters(Domain& domain, abi::control::SchedParameters& parameters) {
    parameters.weight = domain.sched.weight.load(std::memory_order_relaxed);
    parameters.cap = domain.sched.cap.load(std::memory_order_relaxed);
    parameters.reservation = domain.sched.reservation.load(std::memory_order_relaxed);
}

void sched_destroy_domain(Domain& domain) {
    kill_timer(domain.sched.refill_timer);
    kill_timer(domain.sched.unpark_timer);
    static_cast<void>(reserve(domain.sched, 0));  // less is always possible
}

}  // namespace hv
