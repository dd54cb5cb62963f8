// The VGA text screen.
#pragma once

#include <cstdint>
#include <string_view>

#include "hv/x86/boot/boot_info.hpp"

namespace hv::x86 {

class VgaText {
  public:
    void start(const BootDisplay& display);  // does nothing when the loader left a graphics mode
    void write(std::string_view text);

  private:
    void new_line();

    volatile std::uint16_t* cells_ = nullptr;
    std::uint32_t columns_ = 80, rows_ = 25, column_ = 0;
};

}  // namespace hv::x86
