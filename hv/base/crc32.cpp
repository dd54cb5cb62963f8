#include "hv/base/crc32.hpp"

#include <array>

#include "hv/base/unaligned.hpp"

namespace hv {
namespace {

using Table = std::array<std::uint32_t, 256>;

// Table n: what a byte does to the sum when n more bytes follow. Eight of them take in eight bytes at once.
constexpr std::array<Table, 8> kTables = [] {
    std::array<Table, 8> tables{};
    for (std::uint32_t byte = 0; byte < 256; ++byte) {
        std::uint32_t sum = byte;
        for (int bit = 0; bit < 8; ++bit) sum = (sum >> 1) ^ (sum & 1 ? 0xedb88320 : 0);
        tables[0][byte] = sum;
    }
    for (std::size_t n = 1; n < tables.size(); ++n)
        for (std::size_t byte = 0; byte < 256; ++byte) {
            const std::uint32_t before = tables[n - 1][byte];
            tables[n][byte] = (before >> 8) ^ tables[0][before & 0xff];
        }
    return tables;
}();

constexpr std::uint8_t byte_of(std::uint64_t word, unsigned index) {
    return static_cast<std::uint8_t>(word >> (8 * index));
}

}  // namespace

std::uint32_t crc32(std::span<const std::byte> bytes) {
    std::uint32_t sum = ~std::uint32_t{0};
    const std::byte* at = bytes.data();
    std::size_t left = bytes.size();
    for (; left >= 8; left -= 8, at += 8) {
        const std::uint64_t word = load64(at) ^ sum;
        sum = kTables[7][byte_of(word, 0)] ^ kTables[6][byte_of(word, 1)] ^ kTables[5][byte_of(word, 2)] ^
              kTables[4][byte_of(word, 3)] ^ kTables[3][byte_of(word, 4)] ^ kTables[2][byte_of(word, 5)] ^
              kTables[1][byte_of(word, 6)] ^ kTables[0][byte_of(word, 7)];
    }
    for (; left != 0; --left, ++at) sum = (sum >> 8) ^ kTables[0][byte_of(sum ^ static_cast<std::uint8_t>(*at), 0)];
    return ~sum;
}

}  // namespace hv
