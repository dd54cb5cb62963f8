// Characters of text that may be anything.
#pragma once

#include <cstddef>
#include <string_view>

namespace hvctld {

struct Character {
    std::size_t bytes = 0;  // 0: the text does not begin with a character of UTF-8 (RFC 3629, section 4)
    char32_t code = 0;
};

// What `text` begins with.
Character first_character(std::string_view text);

}  // namespace hvctld
