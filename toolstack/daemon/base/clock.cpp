#include "base/clock.hpp"

#include <atomic>
#include <ctime>

namespace hvctld {
namespace {

std::atomic<std::int64_t> stepped_us;

std::uint64_t read_us(clockid_t clock) {
    timespec now{};
    clock_gettime(clock, &now);
    return static_cast<std::uint64_t>(now.tv_sec) * 1000000 + static_cast<std::uint64_t>(now.tv_nsec) / 1000;
}

}  // namespace

std::uint64_t realtime_us() {
    return read_us(CLOCK_REALTIME) + static_cast<std::uint64_t>(stepped_us.load());
}

std::uint64_t monotonic_us() {
    return read_us(CLOCK_MONOTONIC);
}

void step_realtime(std::int64_t by_us) {
    stepped_us += by_us;
}

}  // namespace hvctld
