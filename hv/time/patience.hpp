// Waiting for another CPU that was sent an interrupt. If the interrupt is lost, the wait would never end, so the
// waiting CPU sends another one after a while. How often that happened is counted (`hvctl perf ipi.`) and logged now
// and then.
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
