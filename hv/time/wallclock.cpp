#include "hv/time/wallclock.hpp"

#include <atomic>

#include "hv/machine/clock.hpp"

namespace hv::time {
namespace {

constinit std::atomic<std::uint64_t> g_base{0};

}  // namespace

std::uint64_t wallclock_base() {
    const std::uint64_t base = g_base.load(std::memory_order_relaxed);
    return base != 0 ? base : wallclock_at_boot_ns();
}

void set_wallclock(std::uint64_t utc_ns, std::uint64_t system_time_ns) {
    g_base.store(utc_ns - system_time_ns, std::memory_order_relaxed);
}

}  // namespace hv::time
