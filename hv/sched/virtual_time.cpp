// How time that a vCPU ran becomes virtual time, and how far a vCPU may be ahead or behind.
#include <algorithm>

#include "hv/sched/run_queue.hpp"

namespace hv {

// A domain's weight is shared by those of its vCPUs that are active, so that more vCPUs do not mean a larger share.
std::uint64_t virtual_duration(const SchedVcpu& entry, Nanoseconds ran) {
    // Longer runs than this happen (alone on a CPU, nothing interrupts), but further ahead than this means nothing.
    constexpr Nanoseconds kLongest = 3600'000'000'000;
    const SchedDomain& domain = domain_of(entry);
    const std::uint64_t active = std::max(1u, domain.active.load(std::memory_order_relaxed));
    const std::uint64_t weight = domain.weight.load(std::memory_order_relaxed);
    return static_cast<std::uint64_t>(std::min(ran, kLongest)) * abi::control::kDefaultWeight * active / weight;
}

std::int64_t clamp_lag(const SchedVcpu& entry, std::int64_t lag, Nanoseconds behind, Nanoseconds ahead_of) {
    const auto low = -static_cast<std::int64_t>(virtual_duration(entry, behind));
    const auto high = static_cast<std::int64_t>(virtual_duration(entry, ahead_of));
    return std::clamp(lag, low, high);
}

void account_current(RunQueue& queue, Nanoseconds now) {
    if (queue.is_idle()) return;
    SchedVcpu& current = queue.current->sched;
    const Nanoseconds ran = now - current.accounted;
    if (ran > 0) {
        current.virtual_time += virtual_duration(current, ran);
        current.accounted = now;
        spend(domain_of(current), ran, now);
    }
    std::uint64_t least = current.virtual_time;
    for (WaitList* list : {&queue.fair, &queue.reserved}) {
        const SchedVcpu* first = list->front();
        if (first && ahead(least, first->virtual_time) > 0) least = first->virtual_time;
    }
    if (ahead(least, queue.virtual_time) > 0) queue.virtual_time = least;
    // A vCPU that runs on a reservation beyond its share must not pay for it when the reservation is gone.
    const std::int64_t lag = ahead(current.virtual_time, queue.virtual_time);
    current.virtual_time = queue.virtual_time + static_cast<std::uint64_t>(clamp_lag(current, lag, kMaxLag, kMaxLead));
}

}  // namespace hv
