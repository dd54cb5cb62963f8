// decompress() into memory of exactly the right size, so that a sanitizer sees every byte outside of it.
#pragma once

#include <memory>
#include <optional>
#include <span>

#include "hv/base/decompress/decompress.hpp"
#include "tests/unit/decompress/samples.hpp"

namespace unpacking {

using samples::Bytes;
using Unpacked = std::expected<Bytes, hv::Error>;

inline Unpacked unpack(std::span<const std::byte> packed, std::size_t room) {
    const auto in = std::make_unique<std::byte[]>(packed.size());
    std::copy(packed.begin(), packed.end(), in.get());
    const auto out = std::make_unique<std::byte[]>(room);
    const hv::Result<std::size_t> size = hv::decompress({in.get(), packed.size()}, {out.get(), room});
    if (!size) return std::unexpected{size.error()};
    return Bytes{out.get(), out.get() + *size};
}

// Nothing when it worked.
inline std::optional<hv::Error> error_of(std::span<const std::byte> packed, std::size_t room) {
    const Unpacked unpacked = unpack(packed, room);
    if (unpacked) return std::nullopt;
    return unpacked.error();
}

}  // namespace unpacking
