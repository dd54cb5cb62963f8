#include "hv/base/decompress/zstd_literals.hpp"

#include <cstring>

namespace hv::zstd {
namespace {

enum class Kind : std::uint8_t { Raw, Repeated, Packed, PackedWithLastTable };

// Kind and sizes are packed into one to five bytes.
struct Header {
    Kind kind;
    bool four_streams;
    std::size_t size;
    std::size_t packed_size;
};

Result<Header> read_header(ByteReader& input) {
    if (input.left() == 0) return fail(Error::BadArgument);
    const auto first = static_cast<std::uint8_t>(input.rest()[0]);
    const auto kind = static_cast<Kind>(first & 3);
    const unsigned format = first >> 2 & 3;
    if (kind == Kind::Raw || kind == Kind::Repeated) {
        const std::size_t bytes = format % 2 == 0 ? 1 : format == 1 ? 2 : 3;
        const std::uint64_t word = TRY(input.bytes_as_number(bytes));
        return Header{kind, false, word >> (bytes == 1 ? 3 : 4), 0};
    }
    const std::size_t bytes = format < 2 ? 3 : format + 2;
    const unsigned size_bits = format < 2 ? 10 : format == 2 ? 14 : 18;
    const std::uint64_t word = TRY(input.bytes_as_number(bytes)) >> 4, mask = (1u << size_bits) - 1;
    return Header{kind, format != 0, word & mask, word >> size_bits & mask};
}

}  // namespace

Result<std::span<const std::uint8_t>> Literals::read(ByteReader& input) {
    const Header header = TRY(read_header(input));
    if (header.size > kMaxBlock) return fail(Error::BadArgument);
    const std::span<std::uint8_t> out{buffer_, header.size};
    if (header.kind == Kind::Raw) {
        const auto raw = TRY(input.take(header.size));
        return std::span{reinterpret_cast<const std::uint8_t*>(raw.data()), raw.size()};
    }
    if (header.kind == Kind::Repeated) {
        std::memset(out.data(), TRY(input.u8()), out.size());
        return out;
    }
    ByteReader packed{TRY(input.take(header.packed_size))};
    if (header.kind == Kind::Packed) {
        has_table_ = false;
        TRY(table_.read(packed));
        has_table_ = true;
    }
    if (!has_table_) return fail(Error::BadArgument);
    if (header.four_streams) {
        TRY(decode_streams(packed, out));
    } else {
        TRY(table_.decode(packed.rest(), out));
    }
    return out;
}

// Four streams of a quarter each, the sizes of the first three in front.
Result<> Literals::decode_streams(ByteReader input, std::span<std::uint8_t> out) const {
    const std::size_t quarter = (out.size() + 3) / 4;
    if (out.size() < 3 * quarter) return fail(Error::BadArgument);
    const std::size_t sizes[] = {TRY(input.u16()), TRY(input.u16()), TRY(input.u16())};
    for (const std::size_t size : sizes) {
        const auto stream = TRY(input.take(size));
        TRY(table_.decode(stream, out.first(quarter)));
        out = out.subspan(quarter);
    }
    return table_.decode(input.rest(), out);
}

}  // namespace hv::zstd
