// The gzip container (RFC 1952), its first member.
#include "hv/base/byte_reader.hpp"
#include "hv/base/decompress/crc32.hpp"
#include "hv/base/decompress/decompress.hpp"
#include "hv/base/decompress/inflate.hpp"

namespace hv {
namespace {

constexpr std::uint16_t kMagic = 0x8b1f;
constexpr std::uint8_t kDeflate = 8;
constexpr std::uint8_t kHeaderSum = 2, kExtra = 4, kName = 8, kComment = 16, kReserved = 0xe0;
constexpr std::size_t kTimeFlagsAndSystem = 6;

Result<> skip_text(ByteReader& reader) {
    while (TRY(reader.u8()) != 0) {
    }
    return {};
}

Result<> header(ByteReader& reader) {
    if (TRY(reader.u16()) != kMagic) return fail(Error::BadArgument);
    if (TRY(reader.u8()) != kDeflate) return fail(Error::NotSupported);
    const std::uint8_t flags = TRY(reader.u8());
    if ((flags & kReserved) != 0) return fail(Error::NotSupported);
    TRY(reader.skip(kTimeFlagsAndSystem));
    if ((flags & kExtra) != 0) {
        const std::uint16_t size = TRY(reader.u16());
        TRY(reader.skip(size));
    }
    if ((flags & kName) != 0) TRY(skip_text(reader));
    if ((flags & kComment) != 0) TRY(skip_text(reader));
    if ((flags & kHeaderSum) != 0) {
        const auto sum = static_cast<std::uint16_t>(crc32(reader.since(0)));
        if (TRY(reader.u16()) != sum) return fail(Error::BadArgument);
    }
    return {};
}

}  // namespace

Result<std::size_t> decompress_gzip(std::span<const std::byte> packed, std::span<std::byte> out) {
    ByteReader reader{packed};
    TRY(header(reader));
    const Inflated inflated = TRY(inflate(reader.rest(), out));
    ByteReader trailer{inflated.rest};
    if (TRY(trailer.u32()) != crc32(out.first(inflated.written))) return fail(Error::BadArgument);
    if (TRY(trailer.u32()) != static_cast<std::uint32_t>(inflated.written)) return fail(Error::BadArgument);
    return inflated.written;
}

}  // namespace hv
