#pragma once

#include <cstdint>
#include <span>

namespace fuzz {

// Plays a script of hypercalls by three domains against each other, one of them privileged, and then destroys what it
// made. Any bytes are a script.
void run_hypercall_script(std::span<const std::uint8_t> script);

}  // namespace fuzz
