// Little-endian words at any address. The caller has checked that the bytes are there.
#pragma once

#include <concepts>
#include <cstdint>
#include <cstring>

namespace hv {

template <std::unsigned_integral Word>
Word load_word(const void* from) {
    Word value;
    std::memcpy(&value, from, sizeof value);
    return value;
}
inline std::uint16_t load16(const void* from) {
    return load_word<std::uint16_t>(from);
}
inline std::uint32_t load32(const void* from) {
    return load_word<std::uint32_t>(from);
}
inline std::uint64_t load64(const void* from) {
    return load_word<std::uint64_t>(from);
}

inline void store32(void* to, std::uint32_t value) {
    std::memcpy(to, &value, sizeof value);
}
inline void store64(void* to, std::uint64_t value) {
    std::memcpy(to, &value, sizeof value);
}

}  // namespace hv
