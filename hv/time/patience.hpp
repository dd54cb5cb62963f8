// Waiting for another CPU that was sent an interrupt. One that is lost would be waited for for ever, so whoever waits
// asks again after a while; how often that was is counted (`hvctl perf ipi.`), and told in the log now and then.
#pragma once

#include <cstdint>

#include "hv/base/bitmap.hpp"
#include "hv/base/types.hpp"

namespace hv {

inline constexpr Nanoseconds kAskAgain = 10'000'000;

class Patience {
  public:
    // Between two looks: true each time that kAskAgain has passed since the wait began.
    // Reads the clock at few of its calls.
    bool over();
    Nanoseconds waited() const { return now_ - began_; }  // when it was over last

  private:
    static constexpr std::uint32_t kBetweenLooks = 64;
    std::uint32_t calls_ = 0;
    Nanoseconds began_ = 0, next_ = 0, now_ = 0;
};

// These were asked again. May log.
void note_asked_again(const CpuSet& cpus, Nanoseconds waited);

// Counter `index`, over all CPUs since boot; false past the end.
bool ipi_counter(std::uint32_t index, const char*& name, std::uint64_t& value);

}  // namespace hv
