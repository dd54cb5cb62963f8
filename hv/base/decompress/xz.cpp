// The .xz container ("The .xz File Format", version 1.2.1): stream header, blocks, index, footer. One stream; the
// filters are LZMA2, or x86 and LZMA2, as in kernels.
#include <algorithm>
#include <cstring>
#include <optional>

#include "hv/base/byte_reader.hpp"
#include "hv/base/decompress/bcj_x86.hpp"
#include "hv/base/decompress/crc32.hpp"
#include "hv/base/decompress/decompress.hpp"
#include "hv/base/decompress/lzma2.hpp"
#include "hv/base/own_ptr.hpp"

namespace hv {
namespace {

constexpr std::uint8_t kHeaderMagic[] = {0xfd, '7', 'z', 'X', 'Z', 0};
constexpr std::uint8_t kFooterMagic[] = {'Y', 'Z'};
constexpr std::uint8_t kCheckCrc32 = 1;
constexpr std::uint64_t kFilterX86 = 4, kFilterLzma2 = 0x21;
constexpr std::uint8_t kIndexIndicator = 0;
constexpr std::size_t kMaxNumberBytes = 9;

// Bytes of the check after each block, by the check's number: 0 for none, then 4, 8, 16, 32 and 64 for three numbers
// each.
constexpr std::size_t check_size(std::uint8_t check) {
    return check == 0 ? 0 : std::size_t{4} << (check - 1) / 3;
}
static_assert(check_size(1) == 4 && check_size(4) == 8 && check_size(10) == 32 && check_size(15) == 64);

Result<> expect(bool holds) {
    if (!holds) return fail(Error::BadArgument);
    return {};
}

template <std::size_t Size>
Result<> expect_bytes(ByteReader& reader, const std::uint8_t (&bytes)[Size]) {
    return expect(std::memcmp(TRY(reader.take(Size)).data(), bytes, Size) == 0);
}

// Verifies the CRC32 that follows what was read since `start`.
Result<> expect_sum(ByteReader& reader, std::size_t start) {
    const std::uint32_t sum = crc32(reader.since(start));
    return expect(TRY(reader.u32()) == sum);
}

// Seven bits a byte, the lowest first; the top bit says that more come.
Result<std::uint64_t> number(ByteReader& reader) {
    std::uint64_t value = 0;
    for (unsigned index = 0; index < kMaxNumberBytes; ++index) {
        const std::uint8_t byte = TRY(reader.u8());
        if (byte == 0 && index != 0) return fail(Error::BadArgument);  // not the shortest form
        value |= std::uint64_t{byte & 0x7fu} << (7 * index);
        if ((byte & 0x80) == 0) return value;
    }
    return fail(Error::BadArgument);
}

struct StreamFlags {
    std::uint8_t zero, check;
};

Result<StreamFlags> stream_flags(ByteReader& reader) {
    const StreamFlags flags{TRY(reader.u8()), TRY(reader.u8())};
    TRY(expect(flags.zero == 0));
    if (flags.check > 15) return fail(Error::NotSupported);
    return flags;
}

struct BlockHeader {
    std::optional<std::uint64_t> packed_size, unpacked_size;
    std::optional<std::uint32_t> x86_start;
};

Result<> filters(ByteReader& reader, std::uint8_t count, BlockHeader& header) {
    for (std::uint8_t index = 1; index <= count; ++index) {
        const std::uint64_t filter = TRY(number(reader));
        const std::uint64_t size = TRY(number(reader));
        const bool last = index == count;
        if (filter == kFilterLzma2 && last && size == 1) {
            TRY(reader.skip(1));  // the dictionary's size: the output is the dictionary
        } else if (filter == kFilterX86 && !last && !header.x86_start && (size == 0 || size == 4)) {
            header.x86_start = size == 4 ? TRY(reader.u32()) : 0;
        } else {
            return fail(Error::NotSupported);
        }
    }
    return {};
}

// The size byte has been seen to be no index indicator.
Result<BlockHeader> block_header(ByteReader& reader) {
    const std::size_t start = reader.position();
    const std::size_t size = std::size_t{TRY(reader.u8())} * 4;
    BlockHeader header;
    const std::uint8_t flags = TRY(reader.u8());
    if ((flags & 0x3c) != 0) return fail(Error::NotSupported);
    if ((flags & 0x40) != 0) header.packed_size = TRY(number(reader));
    if ((flags & 0x80) != 0) header.unpacked_size = TRY(number(reader));
    TRY(filters(reader, static_cast<std::uint8_t>((flags & 3) + 1), header));
    while (reader.position() - start < size)
        if (TRY(reader.u8()) != 0) return fail(Error::BadArgument);
    TRY(expect(reader.position() - start == size));
    TRY(expect_sum(reader, start));
    return header;
}

// What the index must tell about all blocks.
struct Totals {
    std::uint64_t blocks = 0, unpadded = 0, unpacked = 0;
    bool operator==(const Totals&) const = default;
};

Result<> block(ByteReader& reader, std::uint8_t check, std::span<std::byte> out, lzma::Decoder& decoder,
               Totals& totals) {
    const std::size_t start = reader.position();
    const BlockHeader header = TRY(block_header(reader));
    const std::size_t data = reader.position();
    const std::size_t length = TRY(decompress_lzma2(reader, out, decoder));
    const std::size_t packed_length = reader.position() - data;
    TRY(expect(header.packed_size.value_or(packed_length) == packed_length &&
               header.unpacked_size.value_or(length) == length));
    const std::size_t end = reader.position();
    TRY(reader.zeros_to_multiple_of_four(start));
    if (header.x86_start) unfilter_bcj_x86(out.first(length), *header.x86_start);
    const auto sum = TRY(reader.take(check_size(check)));
    if (check == kCheckCrc32) TRY(expect(load32(sum.data()) == crc32(out.first(length))));
    ++totals.blocks;
    totals.unpadded += end - start + check_size(check);
    totals.unpacked += length;
    return {};
}

// The size of the index. Its indicator is the next byte.
Result<std::size_t> index(ByteReader& reader, const Totals& totals) {
    const std::size_t start = reader.position();
    TRY(reader.skip(1));
    Totals listed{.blocks = TRY(number(reader))};
    TRY(expect(listed.blocks == totals.blocks));
    for (std::uint64_t block = 0; block < listed.blocks; ++block) {
        listed.unpadded += TRY(number(reader));
        listed.unpacked += TRY(number(reader));
    }
    TRY(expect(listed == totals));
    TRY(reader.zeros_to_multiple_of_four(start));
    TRY(expect_sum(reader, start));
    return reader.position() - start;
}

Result<> footer(ByteReader& reader, std::uint8_t check, std::size_t index_size) {
    const std::uint32_t sum = TRY(reader.u32());
    const std::size_t start = reader.position();
    const std::uint64_t backward = (std::uint64_t{TRY(reader.u32())} + 1) * 4;
    const StreamFlags flags = TRY(stream_flags(reader));
    TRY(expect(flags.check == check && backward == index_size));
    TRY(expect(crc32(reader.since(start)) == sum));
    return expect_bytes(reader, kFooterMagic);
}

}  // namespace

Result<std::size_t> decompress_xz(std::span<const std::byte> packed, std::span<std::byte> out) {
    ByteReader reader{packed};
    TRY(expect_bytes(reader, kHeaderMagic));
    const std::size_t start = reader.position();
    const std::uint8_t check = TRY(stream_flags(reader)).check;
    TRY(expect_sum(reader, start));
    const OwnPtr<lzma::Decoder> decoder = TRY(make_own<lzma::Decoder>());
    Totals totals;
    while (reader.left() != 0 && reader.rest()[0] != std::byte{kIndexIndicator})
        TRY(block(reader, check, out.subspan(totals.unpacked), *decoder, totals));
    const std::size_t index_size = TRY(index(reader, totals));
    TRY(footer(reader, check, index_size));
    return totals.unpacked;
}

}  // namespace hv
