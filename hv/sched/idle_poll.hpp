// How long an idle CPU looks for work before it sleeps. To wake it from HLT takes an interrupt and the way out of it:
// microseconds on a processor, a hundred of them below another hypervisor or an emulator. Where the last waits were
// short, the next one is likely to be, and looking is cheaper than sleeping; where they were long, it is a waste.
#pragma once

#include <algorithm>

#include "hv/base/types.hpp"

namespace hv {

class IdlePoll {
  public:
    static constexpr Nanoseconds kFirst = 12'500;
    static constexpr Nanoseconds kLongest = 200'000;

    // Of the next wait; 0: sleep at once.
    Nanoseconds window() const { return window_; }

    // A wait is over that took so long, looking and sleeping together.
    void waited(Nanoseconds time) {
        if (time <= kLongest)
            window_ = std::clamp(2 * window_, kFirst, kLongest);
        else
            window_ = window_ > kFirst ? window_ / 2 : 0;
    }

  private:
    Nanoseconds window_ = 0;
};

}  // namespace hv
