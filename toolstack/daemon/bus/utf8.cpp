#include "bus/utf8.hpp"

#include <cstddef>

#include "base/utf8.hpp"

namespace hvctld::bus {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD

// Unicode's noncharacters.
bool refused(char32_t code) {
    return (code >= 0xFDD0 && code <= 0xFDEF) || (code & 0xFFFE) == 0xFFFE;
}

}  // namespace

std::string as_utf8(std::string_view text) {
    std::string result;
    result.reserve(text.size());
    while (!text.empty()) {
        const auto [bytes, code] = first_character(text);
        const std::size_t length = refused(code) ? 0 : bytes;
        result += length != 0 ? text.substr(0, length) : kReplacement;
        text.remove_prefix(length != 0 ? length : 1);
    }
    return result;
}

}  // namespace hvctld::bus
