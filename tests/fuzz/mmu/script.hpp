#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace fuzz {

// Plays a script of page-table operations by three domains, one of them privileged, and audits the books after each.
// Returns what was wrong, or nothing. Afterwards all that was made has been destroyed. Any bytes are a script.
std::string run_mmu_script(std::span<const std::uint8_t> script);

}  // namespace fuzz
