#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace fuzz {

// What a script did.
struct Played {
    std::string wrong;  // what the audit found, or nothing
    std::string steps;  // the steps up to there, one a line
    std::uint64_t count = 0;
};

// Plays a script of calls that move frames, by the privileged domain and two others with two vCPUs each,
// and audits the whole machine after each step. Afterwards all that was made has been destroyed. Any
// bytes are a script; the same bytes do the same.
Played run_frames_script(std::span<const std::uint8_t> script);

}  // namespace fuzz
