// A fast 64-bit checksum against damage on disk; not against malice.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace hvctl {

inline std::uint64_t checksum(std::span<const std::byte> data) {
    constexpr std::uint64_t kMultiplier = 0x9fb21c651e98df25;
    // Independent lanes keep the multiplier busy.
    std::uint64_t lanes[4] = {1, 2, 3, 4};
    const std::size_t whole = data.size() / sizeof lanes * sizeof lanes;
    for (std::size_t at = 0; at < whole; at += sizeof lanes) {
        std::uint64_t words[4];
        std::memcpy(words, data.data() + at, sizeof words);
        for (unsigned i = 0; i < 4; ++i) lanes[i] = std::rotl(lanes[i] ^ words[i], 29) * kMultiplier;
    }
    std::uint64_t sum = data.size();
    for (const std::uint64_t lane : lanes) sum = std::rotl(sum ^ lane, 31) * kMultiplier;
    for (const std::byte byte : data.subspan(whole))
        sum = std::rotl(sum ^ std::to_integer<unsigned>(byte), 11) * kMultiplier;
    return sum ^ sum >> 32;
}

}  // namespace hvctl
