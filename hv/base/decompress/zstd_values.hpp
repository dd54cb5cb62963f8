// What the symbols of zstd's sequences mean, and how often they are taken to occur if a block does not tell (RFC 8878,
// 3.1.1.3.2.1.1 and 3.1.1.3.2.2).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "hv/base/decompress/zstd_fse.hpp"

namespace hv::zstd {

template <std::size_t Size>
constexpr std::array<Value, Size> consecutive(std::uint32_t first, std::size_t plain,
                                              const std::uint8_t (&extra_bits)[Size]) {
    std::array<Value, Size> values{};
    std::uint32_t base = first;
    for (std::size_t symbol = 0; symbol < Size; ++symbol) {
        const std::uint8_t bits = symbol < plain ? std::uint8_t{0} : extra_bits[symbol - plain];
        values[symbol] = {base, bits};
        base += 1u << bits;
    }
    return values;
}

inline constexpr std::array<Value, 36> kLiteralLengthValues =
    consecutive<36>(0, 16, {1, 1, 1, 1, 2, 2, 3, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16});
static_assert(kLiteralLengthValues[24].base == 48 && kLiteralLengthValues[25].base == 64 &&
              kLiteralLengthValues[35].base == 65536);

inline constexpr std::array<Value, 53> kMatchLengthValues =
    consecutive<53>(3, 32, {1, 1, 1, 1, 2, 2, 3, 3, 4, 4, 5, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16});
static_assert(kMatchLengthValues[32].base == 35 && kMatchLengthValues[43].base == 131 &&
              kMatchLengthValues[52].base == 65539);

inline constexpr std::array<Value, 32> kOffsetValues = [] {
    std::array<Value, 32> values{};
    for (std::uint8_t symbol = 0; symbol < values.size(); ++symbol) values[symbol] = {1u << symbol, symbol};
    return values;
}();

inline constexpr unsigned kLiteralLengthLog = 6, kMatchLengthLog = 6, kOffsetLog = 5;
inline constexpr std::int16_t kLiteralLengthFrequencies[] = {4, 3, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 1, 1,  1,  2,  2,
                                                             2, 2, 2, 2, 2, 2, 2, 3, 2, 1, 1, 1, 1, 1, -1, -1, -1, -1};
inline constexpr std::int16_t kMatchLengthFrequencies[] = {1, 4, 3, 2, 2, 2, 2, 2, 2, 1, 1,  1,  1,  1,  1,  1,  1, 1,
                                                           1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,  1,  1,  1,  1,  1,  1, 1,
                                                           1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1, -1, -1};
inline constexpr std::int16_t kOffsetFrequencies[] = {1, 1, 1, 1, 1, 1, 2, 2, 2, 1,  1,  1,  1,  1, 1,
                                                      1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1};

template <std::size_t Size>
constexpr unsigned states_of(const std::int16_t (&frequencies)[Size]) {
    unsigned sum = 0;
    for (const std::int16_t frequency : frequencies) sum += frequency < 0 ? 1u : static_cast<unsigned>(frequency);
    return sum;
}
static_assert(states_of(kLiteralLengthFrequencies) == 1u << kLiteralLengthLog);
static_assert(states_of(kMatchLengthFrequencies) == 1u << kMatchLengthLog);
static_assert(states_of(kOffsetFrequencies) == 1u << kOffsetLog);

}  // namespace hv::zstd
