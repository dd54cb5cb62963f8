#include "hv/x86/console/vga_text.hpp"

#include "hv/x86/paging/direct_map.hpp"

namespace hv::x86 {
namespace {
constexpr std::uint64_t kScreen = 0xb8000;
constexpr std::uint16_t kGreyOnBlack = 0x0700;
}  // namespace

void VgaText::start(const BootDisplay& display) {
    if (display.kind == BootDisplay::Kind::Linear) return;
    if (display.kind == BootDisplay::Kind::Text && display.width >= 40 && display.width <= 132 &&
        display.height >= 25 && display.height <= 60) {
        columns_ = display.width;
        rows_ = display.height;
    }
    cells_ = static_cast<volatile std::uint16_t*>(direct_map(kScreen));
    for (std::uint32_t i = 0; i < columns_ * rows_; ++i) cells_[i] = kGreyOnBlack | ' ';
}

void VgaText::new_line() {
    column_ = 0;
    for (std::uint32_t i = 0; i < columns_ * (rows_ - 1); ++i) cells_[i] = cells_[i + columns_];
    for (std::uint32_t i = 0; i < columns_; ++i) cells_[columns_ * (rows_ - 1) + i] = kGreyOnBlack | ' ';
}

void VgaText::write(std::string_view text) {
    if (!cells_) return;
    for (char character : text) {
        if (character == '\n') {
            new_line();
            continue;
        }
        if (character == '\r') continue;
        if (column_ == columns_) new_line();
        cells_[columns_ * (rows_ - 1) + column_++] =
            static_cast<std::uint16_t>(kGreyOnBlack | static_cast<unsigned char>(character));
    }
}

}  // namespace hv::x86
