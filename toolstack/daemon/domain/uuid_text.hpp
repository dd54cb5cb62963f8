// A UUID as hv has it, in the form that people and the registry know.
#pragma once

#include <cstdint>
#include <string>

namespace hvctld {

std::string uuid_text(const std::uint8_t (&bytes)[16]);

}  // namespace hvctld
