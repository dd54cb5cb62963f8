// D-Bus carries UTF-8 only, and sd-bus refuses a whole message for one string that is not: names of files, old records
// and what a guest wrote may hold any bytes.
#pragma once

#include <string>
#include <string_view>

namespace hvctld::bus {

// `text` with every byte that belongs to no character replaced by U+FFFD. Characters that some versions of sd-bus
// refuse, surrogates and Unicode's noncharacters, count as none.
std::string as_utf8(std::string_view text);

}  // namespace hvctld::bus
