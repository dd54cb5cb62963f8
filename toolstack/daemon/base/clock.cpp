#include "base/clock.hpp"

#include <ctime>

namespace hvctld {
namespace {

std::uint64_t read_us(clockid_t clock) {
    timespec now{};
    clock_gettime(clock, &now);
    return static_cast<std::uint64_t>(now.tv_sec) * 1000000 + static_cast<std::uint64_t>(now.tv_nsec) / 1000;
}

}  // namespace

std::uint64_t realtime_us() {
    return read_us(CLOCK_REALTIME);
}

std::uint64_t monotonic_us() {
    return read_us(CLOCK_MONOTONIC);
}

}  // namespace hvctld
