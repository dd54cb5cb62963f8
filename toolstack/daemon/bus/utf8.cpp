#include "bus/utf8.hpp"

#include <cstddef>
#include <cstdint>

namespace hvctld::bus {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD

bool refused(std::uint32_t character) {
    const bool surrogate = character >= 0xD800 && character <= 0xDFFF;
    const bool nonsense = (character >= 0xFDD0 && character <= 0xFDEF) || (character & 0xFFFE) == 0xFFFE;
    return surrogate || nonsense || character > 0x10FFFF;
}

// Bytes of the character that `text`, not empty, begins with; 0: none.
std::size_t length_of_character(std::string_view text) {
    const auto byte = [&](std::size_t at) { return static_cast<std::uint8_t>(text[at]); };
    const std::uint8_t first = byte(0);
    if (first < 0x80) return 1;
    const std::size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
    if (first < 0xC0 || first > 0xF7 || text.size() < length) return 0;
    std::uint32_t character = first & (0x7Fu >> length);
    for (std::size_t at = 1; at < length; ++at) {
        if ((byte(at) & 0xC0) != 0x80) return 0;
        character = character << 6 | (byte(at) & 0x3Fu);
    }
    constexpr std::uint32_t kLeast[] = {0, 0, 0x80, 0x800, 0x10000};  // of each length; less is written shorter
    return character < kLeast[length] || refused(character) ? 0 : length;
}

}  // namespace

std::string as_utf8(std::string_view text) {
    std::string result;
    result.reserve(text.size());
    while (!text.empty()) {
        const std::size_t length = length_of_character(text);
        result += length != 0 ? text.substr(0, length) : kReplacement;
        text.remove_prefix(length != 0 ? length : 1);
    }
    return result;
}

}  // namespace hvctld::bus
