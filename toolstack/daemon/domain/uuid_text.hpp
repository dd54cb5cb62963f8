// UUIDs as hv has them and as people write them.
#pragma once

#include <cstdint>
#include <string>

#include "hvctl/control.hpp"

namespace hvctld {

std::string uuid_text(const std::uint8_t (&bytes)[16]);
// Of a canonical one: 32 digits in lower case, and dashes.
hvctl::Uuid binary_uuid(const std::string& text);

}  // namespace hvctld
