// Whether a file system has room for the images that grow on it, from one look at it after the other. A request that
// finds no room fails at once, so guests are stopped before that: while there still is room for what is written until
// they stand still, at the fastest rate that was seen lately.
#pragma once

#include <cstdint>

namespace hvctld {

class SpaceGauge {
  public:
    // The look at `now_ms` of a clock that never goes back; `bytes` is all that the file system has.
    void look(std::uint64_t now_ms, std::uint64_t bytes, std::uint64_t free);

    // Before the first look: guests wait for it, so there was too little.
    void begin_full() { full_ = true; }

    // There is too little, or there was, and there is not enough yet.
    [[nodiscard]] bool full() const { return full_; }
    [[nodiscard]] std::uint64_t free() const { return free_; }
    // Less than this is too little.
    [[nodiscard]] std::uint64_t least() const;
    // More than this, for some seconds, is enough again.
    [[nodiscard]] std::uint64_t enough() const { return least() + least() / 2; }
    // From the last look to the next one.
    [[nodiscard]] std::uint64_t pause_ms() const;

  private:
    bool looked_ = false;
    bool full_ = false;
    std::uint64_t at_ms_ = 0;
    std::uint64_t enough_since_ms_ = 0;  // the last look that did not find enough
    std::uint64_t bytes_ = 0;
    std::uint64_t free_ = 0;
    double fastest_ = 0;  // that it has been filled lately, in bytes per second
};

}  // namespace hvctld
