// How much a guest may log: a steady rate with room for a burst.
#pragma once

#include <algorithm>
#include <cstdint>

namespace hvctld {

class TokenBucket {
  public:
    TokenBucket(std::uint64_t rate_per_second, std::uint64_t burst)
        : rate_{rate_per_second}, burst_{burst}, level_{burst} {}

    // Takes at most `wanted`; returns how much there was.
    std::uint64_t take(std::uint64_t wanted, std::uint64_t now_ms) {
        if (now_ms > last_ms_) {
            // A minute refills every permitted bucket; longer pauses need no larger numbers.
            const std::uint64_t passed = std::min<std::uint64_t>(now_ms - last_ms_, 60'000);
            level_ = std::min(burst_, level_ + rate_ * passed / 1000);
            last_ms_ = now_ms;
        }
        const std::uint64_t taken = std::min(wanted, level_);
        level_ -= taken;
        return taken;
    }

  private:
    std::uint64_t rate_;
    std::uint64_t burst_;
    std::uint64_t level_;
    std::uint64_t last_ms_ = 0;
};

}  // namespace hvctld
