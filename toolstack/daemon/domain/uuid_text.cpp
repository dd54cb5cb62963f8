#include "domain/uuid_text.hpp"

#include <fmt/format.h>

namespace hvctld {

std::string uuid_text(const std::uint8_t (&bytes)[16]) {
    std::string text;
    for (std::size_t i = 0; i < 16; ++i) {
        if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
        text += fmt::format("{:02x}", bytes[i]);
    }
    return text;
}

hvctl::Uuid binary_uuid(const std::string& text) {
    hvctl::Uuid uuid{};
    std::size_t digit = 0;
    for (const char c : text) {
        if (c == '-') continue;
        const auto value = static_cast<std::uint8_t>(c <= '9' ? c - '0' : c - 'a' + 10);
        uuid[digit / 2] = static_cast<std::uint8_t>(uuid[digit / 2] << 4 | value);
        if (++digit == 32) break;
    }
    return uuid;
}

}  // namespace hvctld
