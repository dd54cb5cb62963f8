// hv's own code is written, at boot and at a standstill alone.
#pragma once

#include <cstdint>

#include "hv/x86/cpu/registers.hpp"

namespace hv::x86 {

// hv's text has no writable alias once paging is up.
class WritableText {
  public:
    WritableText() : cr0_{read_cr0()} { write_cr0(cr0_ & ~std::uint64_t{kCr0Wp}); }
    ~WritableText() { write_cr0(cr0_); }
    WritableText(const WritableText&) = delete;
    WritableText& operator=(const WritableText&) = delete;

  private:
    std::uint64_t cr0_;
};

}  // namespace hv::x86
