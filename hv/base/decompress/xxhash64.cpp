#include "hv/base/decompress/xxhash64.hpp"

#include <bit>

#include "hv/base/unaligned.hpp"

namespace hv {
namespace {

constexpr std::uint64_t kPrime1 = 0x9e37'79b1'85eb'ca87, kPrime2 = 0xc2b2'ae3d'27d4'eb4f,
                        kPrime3 = 0x1656'67b1'9e37'79f9, kPrime4 = 0x85eb'ca77'c2b2'ae63,
                        kPrime5 = 0x27d4'eb2f'1656'67c5;

constexpr std::uint64_t mixed(std::uint64_t lane, std::uint64_t word) {
    return std::rotl(lane + word * kPrime2, 31) * kPrime1;
}

constexpr std::uint64_t merged(std::uint64_t hash, std::uint64_t lane) {
    return (hash ^ mixed(0, lane)) * kPrime1 + kPrime4;
}

}  // namespace

std::uint64_t xxhash64(std::span<const std::byte> bytes) {
    const std::byte* at = bytes.data();
    std::size_t left = bytes.size();
    std::uint64_t hash = kPrime5;
    if (left >= 32) {
        std::uint64_t a = kPrime1 + kPrime2, b = kPrime2, c = 0, d = 0 - kPrime1;
        for (; left >= 32; left -= 32, at += 32) {
            a = mixed(a, load64(at));
            b = mixed(b, load64(at + 8));
            c = mixed(c, load64(at + 16));
            d = mixed(d, load64(at + 24));
        }
        hash = std::rotl(a, 1) + std::rotl(b, 7) + std::rotl(c, 12) + std::rotl(d, 18);
        hash = merged(merged(merged(merged(hash, a), b), c), d);
    }
    hash += bytes.size();
    for (; left >= 8; left -= 8, at += 8) hash = std::rotl(hash ^ mixed(0, load64(at)), 27) * kPrime1 + kPrime4;
    if (left >= 4) {
        hash = std::rotl(hash ^ load32(at) * kPrime1, 23) * kPrime2 + kPrime3;
        at += 4;
        left -= 4;
    }
    for (; left != 0; --left, ++at) hash = std::rotl(hash ^ static_cast<std::uint8_t>(*at) * kPrime5, 11) * kPrime1;
    hash = (hash ^ hash >> 33) * kPrime2;
    hash = (hash ^ hash >> 29) * kPrime3;
    return hash ^ hash >> 32;
}

}  // namespace hv
