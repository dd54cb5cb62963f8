// Clocks of known rate, to measure the others against: HPET, else the ACPI PM timer, else the PIT.
#pragma once

#include <cstdint>

#include "hv/base/types.hpp"

namespace hv::x86 {

class ReferenceClock {
  public:
    virtual const char* name() const = 0;
    virtual void start() {}
    virtual std::uint64_t read() const = 0;  // counts upwards and wraps at mask()
    virtual std::uint64_t mask() const = 0;
    virtual std::uint64_t nanoseconds(std::uint64_t ticks) const = 0;

  protected:
    ~ReferenceClock() = default;
};

// The best one that works; needs ACPI and paging.
ReferenceClock& choose_reference_clock();

}  // namespace hv::x86
