// A range of physical addresses.
#pragma once

#include <cstdint>

namespace hv {

struct MemoryRange {
    std::uint64_t start;  // first byte
    std::uint64_t end;    // past the last byte
    constexpr std::uint64_t size() const { return end - start; }
    constexpr bool operator==(const MemoryRange&) const = default;
};

}  // namespace hv
