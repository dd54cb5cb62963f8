// The container that the lzop program writes: a header, then blocks, each with its sizes and checksums. Big-endian.
#include <algorithm>
#include <cstdint>

#include "byte_view.hpp"
#include "decompress.hpp"
#include "hvctl/try.hpp"
#include "lzo.hpp"

namespace hvctl {

namespace {

constexpr std::uint32_t kAdler32Data = 0x1;
constexpr std::uint32_t kAdler32Compressed = 0x2;
constexpr std::uint32_t kExtraField = 0x40;
constexpr std::uint32_t kCrc32Data = 0x100;
constexpr std::uint32_t kCrc32Compressed = 0x200;
constexpr std::uint32_t kFilter = 0x800;
constexpr std::uint32_t kFirstVersionWithLevel = 0x940;
constexpr std::uint64_t kMagicBytes = 9;
constexpr std::uint32_t kMaxBlock = 64u << 20;

class Reader {
  public:
    explicit Reader(std::span<const std::byte> data) : view_{data} {}

    template <class T>
    Result<std::uint32_t> big() {
        std::uint32_t value = 0;
        for (std::size_t i = 0; i < sizeof(T); ++i) {
            const auto byte = view_.at<std::uint8_t>(at_++);
            if (!byte) return truncated();
            value = value << 8 | *byte;
        }
        return value;
    }
    Result<std::span<const std::byte>> bytes(std::uint64_t count) {
        const auto part = view_.slice(at_, count);
        if (!part) return truncated();
        at_ += count;
        return *part;
    }
    Result<void> skip(std::uint64_t count) {
        TRY(bytes(count));
        return {};
    }

  private:
    static std::unexpected<Error> truncated() {
        return fail(ErrorCode::Truncated, "the kernel's lzo data is truncated");
    }
    ByteView view_;
    std::uint64_t at_ = 0;
};

std::uint32_t adler32(std::span<const std::byte> data) {
    constexpr std::uint32_t kModulus = 65521;
    constexpr std::size_t kBeforeOverflow = 5552;
    std::uint32_t low = 1;
    std::uint32_t high = 0;
    while (!data.empty()) {
        const auto part = data.first(std::min(data.size(), kBeforeOverflow));
        for (const std::byte byte : part) {
            low += std::to_integer<std::uint32_t>(byte);
            high += low;
        }
        low %= kModulus;
        high %= kModulus;
        data = data.subspan(part.size());
    }
    return high << 16 | low;
}

// Returns the flags.
Result<std::uint32_t> read_header(Reader& reader) {
    TRY(reader.skip(kMagicBytes));
    const std::uint32_t version = TRY(reader.big<std::uint16_t>());
    TRY(reader.skip(2));                                         // version of the library
    if (version >= kFirstVersionWithLevel) TRY(reader.skip(2));  // version needed to extract
    const std::uint32_t method = TRY(reader.big<std::uint8_t>());
    if (method < 1 || method > 3) return fail(ErrorCode::Corrupt, "the kernel's lzo header names an unknown method");
    if (version >= kFirstVersionWithLevel) TRY(reader.skip(1));  // level
    const std::uint32_t flags = TRY(reader.big<std::uint32_t>());
    if ((flags & kFilter) != 0) TRY(reader.skip(4));
    TRY(reader.skip(8));                                         // mode, low half of the time
    if (version >= kFirstVersionWithLevel) TRY(reader.skip(4));  // its high half
    const std::uint32_t name_length = TRY(reader.big<std::uint8_t>());
    TRY(reader.skip(name_length + 4ull));  // name, checksum
    if ((flags & kExtraField) != 0) TRY(reader.skip(TRY(reader.big<std::uint32_t>()) + 4ull));
    return flags;
}

Result<void> read_block(Reader& reader, std::uint32_t flags, std::span<std::byte> output) {
    const std::uint32_t compressed_size = TRY(reader.big<std::uint32_t>());
    if (compressed_size > output.size()) return fail(ErrorCode::Corrupt, "a block of the kernel's lzo data has grown");
    const std::uint32_t expected = (flags & kAdler32Data) != 0 ? TRY(reader.big<std::uint32_t>()) : 0;
    if ((flags & kCrc32Data) != 0) TRY(reader.skip(4));
    const bool stored = compressed_size == output.size();
    if (!stored && (flags & kAdler32Compressed) != 0) TRY(reader.skip(4));
    if (!stored && (flags & kCrc32Compressed) != 0) TRY(reader.skip(4));
    const auto data = TRY(reader.bytes(compressed_size));
    if (stored) {
        std::ranges::copy(data, output.begin());
    } else {
        TRY(decompress_lzo1x(data, output));
    }
    if ((flags & kAdler32Data) != 0 && adler32(output) != expected) {
        return fail(ErrorCode::Corrupt, "the kernel's lzo data does not match its checksum");
    }
    return {};
}

}  // namespace

Result<std::size_t> decompress_lzop(std::span<const std::byte> data, std::span<std::byte> output) {
    Reader reader{data};
    const std::uint32_t flags = TRY(read_header(reader));
    std::size_t size = 0;
    for (;;) {
        const std::uint32_t block = TRY(reader.big<std::uint32_t>());
        if (block == 0) return size;
        if (block > kMaxBlock) return fail(ErrorCode::Corrupt, "a block of the kernel's lzo data is impossibly large");
        // A full output says "larger than allowed" to the caller.
        if (block > output.size() - size) return output.size();
        TRY(read_block(reader, flags, output.subspan(size, block)));
        size += block;
    }
}

}  // namespace hvctl
