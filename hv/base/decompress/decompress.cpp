#include "hv/base/decompress/decompress.hpp"

#include <cstring>

namespace hv {
namespace {

struct Magic {
    Compression kind;
    std::uint8_t length;
    std::uint8_t bytes[9];
};

constexpr Magic kMagics[] = {
    {Compression::Gzip, 2, {0x1f, 0x8b}},
    {Compression::Xz, 6, {0xfd, '7', 'z', 'X', 'Z', 0}},
    {Compression::Zstd, 4, {0x28, 0xb5, 0x2f, 0xfd}},
    {Compression::Lz4, 4, {0x02, 0x21, 0x4c, 0x18}},
    {Compression::Lzma, 3, {0x5d, 0, 0}},
    {Compression::Bzip2, 3, {'B', 'Z', 'h'}},
    {Compression::Lzo, 9, {0x89, 'L', 'Z', 'O', 0, 0x0d, 0x0a, 0x1a, 0x0a}},
};

}  // namespace

Compression compression_of(std::span<const std::byte> packed) {
    for (const Magic& magic : kMagics)
        if (packed.size() >= magic.length && std::memcmp(packed.data(), magic.bytes, magic.length) == 0)
            return magic.kind;
    return Compression::None;
}

Result<std::size_t> decompress(std::span<const std::byte> packed, std::span<std::byte> out) {
    switch (compression_of(packed)) {
        case Compression::Gzip: return decompress_gzip(packed, out);
        case Compression::Xz: return decompress_xz(packed, out);
        case Compression::Zstd: return decompress_zstd(packed, out);
        case Compression::None: return fail(Error::BadArgument);
        case Compression::Lz4:
        case Compression::Lzma:
        case Compression::Bzip2:
        case Compression::Lzo: return fail(Error::NotSupported);
    }
    return fail(Error::NotSupported);
}

}  // namespace hv
