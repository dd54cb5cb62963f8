// The zstd container (RFC 8878): frames, one after the other, of blocks. Dictionaries are not on offer.
#include <cstring>

#include "hv/base/byte_reader.hpp"
#include "hv/base/decompress/decompress.hpp"
#include "hv/base/decompress/xxhash64.hpp"
#include "hv/base/decompress/zstd_literals.hpp"
#include "hv/base/decompress/zstd_sequences.hpp"
#include "hv/base/own_ptr.hpp"

namespace hv {
namespace {

using zstd::Output;

constexpr std::uint32_t kFrameMagic = 0xfd2f'b528, kSkippableMagic = 0x184d'2a50, kSkippableMask = 0xffff'fff0;

struct Decoder {
    zstd::Literals literals;
    zstd::Sequences sequences;
};

struct FrameHeader {
    bool has_sum;
    bool has_size;
    std::uint64_t size;
};

Result<FrameHeader> frame_header(ByteReader& reader) {
    constexpr std::size_t kSizeBytes[] = {0, 2, 4, 8}, kDictionaryBytes[] = {0, 1, 2, 4};
    const std::uint8_t flags = TRY(reader.u8());
    const bool single_segment = (flags & 0x20) != 0;
    if ((flags & 8) != 0) return fail(Error::NotSupported);
    if (!single_segment) TRY(reader.skip(1));  // the window's size: it is the output
    if (TRY(reader.bytes_as_number(kDictionaryBytes[flags & 3])) != 0) return fail(Error::NotSupported);
    std::size_t size_bytes = kSizeBytes[flags >> 6];
    if (size_bytes == 0 && single_segment) size_bytes = 1;
    const std::uint64_t size = TRY(reader.bytes_as_number(size_bytes));
    return FrameHeader{(flags & 4) != 0, size_bytes != 0, size_bytes == 2 ? size + 256 : size};
}

Result<> packed_block(std::span<const std::byte> block, Decoder& decoder, Output& output) {
    ByteReader reader{block};
    const std::span<const std::uint8_t> literals = TRY(decoder.literals.read(reader));
    return decoder.sequences.run(reader, literals, output);
}

// True when it was the last one.
Result<bool> block(ByteReader& reader, Decoder& decoder, Output& output) {
    enum Kind : std::uint8_t { kRaw, kRepeated, kPacked };
    const auto header = static_cast<std::uint32_t>(TRY(reader.bytes_as_number(3)));
    const std::size_t size = header >> 3;
    if (size > zstd::kMaxBlock) return fail(Error::BadArgument);
    switch (header >> 1 & 3) {
        case kRaw: {
            const auto bytes = TRY(reader.take(size));
            if (size > output.room()) return fail(Error::BadArgument);
            if (size != 0) std::memcpy(output.at, bytes.data(), size);
            output.at += size;
            break;
        }
        case kRepeated: {
            const std::uint8_t byte = TRY(reader.u8());
            if (size > output.room()) return fail(Error::BadArgument);
            if (size != 0) std::memset(output.at, byte, size);
            output.at += size;
            break;
        }
        case kPacked: {
            const auto bytes = TRY(reader.take(size));
            TRY(packed_block(bytes, decoder, output));
            break;
        }
        default: return fail(Error::BadArgument);
    }
    return (header & 1) != 0;
}

// Decodes the frame whose magic number has been read. Returns the number of bytes written.
Result<std::size_t> frame(ByteReader& reader, Decoder& decoder, std::span<std::byte> out) {
    const FrameHeader header = TRY(frame_header(reader));
    auto* const start = reinterpret_cast<std::uint8_t*>(out.data());
    Output output{start, start, start + out.size()};
    decoder.literals.new_frame();
    decoder.sequences.new_frame();
    while (!TRY(block(reader, decoder, output))) {
    }
    const auto written = static_cast<std::size_t>(output.at - start);
    if (header.has_size && header.size != written) return fail(Error::BadArgument);
    if (!header.has_sum) return written;
    const auto sum = static_cast<std::uint32_t>(xxhash64(out.first(written)));
    if (TRY(reader.u32()) != sum) return fail(Error::BadArgument);
    return written;
}

}  // namespace

Result<std::size_t> decompress_zstd(std::span<const std::byte> packed, std::span<std::byte> out) {
    ByteReader reader{packed};
    const OwnPtr<Decoder> decoder = TRY(make_own<Decoder>());
    std::size_t written = 0;
    bool any = false;
    while (reader.left() >= 4) {
        const std::uint32_t magic = load32(reader.rest().data());
        if (magic == kFrameMagic) {
            TRY(reader.skip(4));
            written += TRY(frame(reader, *decoder, out.subspan(written)));
            any = true;
        } else if ((magic & kSkippableMask) == kSkippableMagic) {
            TRY(reader.skip(4));
            const std::uint32_t size = TRY(reader.u32());
            TRY(reader.skip(size));
        } else {
            break;
        }
    }
    if (!any) return fail(Error::BadArgument);
    return written;
}

}  // namespace hv
