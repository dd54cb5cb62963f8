#include "bzimage.hpp"

#include <fmt/format.h>

#include "byte_view.hpp"
#include "decompress.hpp"

namespace hvctl {

namespace {

// Offsets in the setup header.
constexpr std::uint64_t kSetupSects = 0x1f1;
constexpr std::uint64_t kBootFlag = 0x1fe;
constexpr std::uint64_t kHeaderMagic = 0x202;
constexpr std::uint64_t kVersion = 0x206;
constexpr std::uint64_t kXloadflags = 0x236;
constexpr std::uint64_t kPayloadOffset = 0x248;
constexpr std::uint64_t kPayloadLength = 0x24c;

constexpr unsigned kSectorBytes = 512;
constexpr unsigned kDefaultSetupSects = 4;
constexpr std::uint16_t kFirstWithPayload = 0x208;
constexpr std::uint16_t kFirstWithXloadflags = 0x20c;
constexpr std::uint16_t kXlf64Bit = 1;

}  // namespace

bool is_bzimage(std::span<const std::byte> file) {
    const ByteView view{file};
    return view.at<std::uint16_t>(kBootFlag) == std::uint16_t{0xaa55} && view.has(kHeaderMagic, "HdrS");
}

Result<BzImagePayload> find_payload(std::span<const std::byte> file) {
    const ByteView view{file};
    const auto sectors = view.at<std::uint8_t>(kSetupSects);
    const auto version = view.at<std::uint16_t>(kVersion);
    const auto offset = view.at<std::uint32_t>(kPayloadOffset);
    const auto length = view.at<std::uint32_t>(kPayloadLength);
    if (!sectors || !version || !offset || !length) {
        return fail(ErrorCode::Truncated,
                    fmt::format("the bzImage is truncated: its header is longer than its {} bytes", view.size()));
    }
    const std::string name = fmt::format("bzImage {}.{}", *version >> 8, *version & 0xff);
    if (*version < kFirstWithPayload) {
        return fail(ErrorCode::NotBootable, fmt::format("the kernel's boot protocol ({}) is too old: 2.8 or later is "
                                                        "needed (Linux 2.6.25)",
                                                        name));
    }
    const std::uint16_t flags = view.at<std::uint16_t>(kXloadflags).value_or(0);
    if (*version >= kFirstWithXloadflags && (flags & kXlf64Bit) == 0) {
        return fail(ErrorCode::WrongArchitecture,
                    "the kernel is for another architecture (32-bit x86) and not for x86-64");
    }
    const std::uint64_t setup = (*sectors == 0 ? kDefaultSetupSects : *sectors) + 1ull;
    const std::uint64_t start = setup * kSectorBytes + *offset;
    const auto data = view.slice(start, *length);
    if (!data) {
        return fail(ErrorCode::Truncated, fmt::format("the {} is truncated: its payload has {} bytes from byte {} on, "
                                                      "the file ends at byte {}",
                                                      name, *length, start, view.size()));
    }
    BzImagePayload payload{*data, {}, name};
    const Compression compression = compression_of(*data);
    if (compression == Compression::None || data->size() < 4) return payload;
    // The build appends the decompressed size; gzip's own trailer is the same four bytes.
    payload.output_size = ByteView{*data}.at<std::uint32_t>(data->size() - 4);
    if (compression != Compression::Gzip) payload.data = data->first(data->size() - 4);
    return payload;
}

}  // namespace hvctl
