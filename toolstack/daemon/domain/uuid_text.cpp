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

}  // namespace hvctld
