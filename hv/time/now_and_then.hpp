// What is told once in a while only, however often it happens: by the CPU that comes first.
#pragma once

#include <atomic>

#include "hv/base/types.hpp"

namespace hv {

class NowAndThen {
  public:
    constexpr explicit NowAndThen(Nanoseconds between) : between_{between} {}

    // True at most once in `between`; any CPU may ask.
    bool due(Nanoseconds now) {
        Nanoseconds next = next_.load(std::memory_order_relaxed);
        return now >= next && next_.compare_exchange_strong(next, now + between_, std::memory_order_relaxed);
    }

  private:
    Nanoseconds between_;
    std::atomic<Nanoseconds> next_{0};
};

}  // namespace hv
