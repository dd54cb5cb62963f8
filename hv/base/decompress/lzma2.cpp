#include "hv/base/decompress/lzma2.hpp"

namespace hv {
namespace {

using lzma::Window;

// The first byte of a chunk. From kLzma on, its bits 5 and 6 say how much starts anew, each step including those
// before.
constexpr std::uint8_t kEnd = 0, kPlainNewDictionary = 1, kPlain = 2, kLzma = 0x80;
enum class Fresh : std::uint8_t { Nothing, State, Properties, Dictionary };
constexpr Fresh fresh_of(std::uint8_t control) {
    return static_cast<Fresh>(control >> 5 & 3);
}

constexpr std::uint32_t swapped(std::uint16_t value) {
    return __builtin_bswap16(value);
}

// What has to come before a chunk may build upon it.
struct Known {
    bool dictionary = false;
    bool properties = false;
    bool state = false;
};

// The chunk's part of the output becomes window.end.
Result<> plan(Window& window, std::size_t length, const std::byte* out_end) {
    const auto* const limit = reinterpret_cast<const std::uint8_t*>(out_end);
    if (length > static_cast<std::size_t>(limit - window.at)) return fail(Error::BadArgument);
    window.end = window.at + length;
    return {};
}

Result<> plain_chunk(ByteReader& packed, std::uint8_t control, Known& known, Window& window, const std::byte* out_end) {
    if (control == kPlainNewDictionary) {
        known = {.dictionary = true};
        window.start = window.at;
    }
    if (!known.dictionary) return fail(Error::BadArgument);
    const std::size_t length = swapped(TRY(packed.u16())) + 1;
    TRY(plan(window, length, out_end));
    std::memcpy(window.at, TRY(packed.take(length)).data(), length);
    window.at = window.end;
    return {};
}

Result<> lzma_chunk(ByteReader& packed, std::uint8_t control, Known& known, Window& window, const std::byte* out_end,
                    lzma::Decoder& decoder) {
    const Fresh fresh = fresh_of(control);
    const std::size_t unpacked_length = ((control & 0x1fu) << 16) + swapped(TRY(packed.u16())) + 1;
    const std::size_t packed_length = swapped(TRY(packed.u16())) + 1;
    if (fresh == Fresh::Dictionary) {
        known.dictionary = true;
        window.start = window.at;
    }
    if (fresh >= Fresh::Properties) {
        const std::uint8_t properties = TRY(packed.u8());
        TRY(decoder.set_properties(properties));
        known.properties = known.state = true;
    } else if (fresh == Fresh::State && known.properties) {
        decoder.reset();
        known.state = true;
    }
    if (!known.dictionary || !known.properties || !known.state) return fail(Error::BadArgument);
    TRY(plan(window, unpacked_length, out_end));
    const auto input = TRY(packed.take(packed_length));
    return decoder.chunk({reinterpret_cast<const std::uint8_t*>(input.data()), input.size()}, packed.left(), window);
}

}  // namespace

Result<std::size_t> decompress_lzma2(ByteReader& packed, std::span<std::byte> out, lzma::Decoder& decoder) {
    auto* const begin = reinterpret_cast<std::uint8_t*>(out.data());
    const std::byte* const out_end = out.data() + out.size();
    Window window{begin, begin, begin};
    Known known;
    for (;;) {
        const std::uint8_t control = TRY(packed.u8());
        if (control == kEnd) return static_cast<std::size_t>(window.at - begin);
        if (control >= kLzma) {
            TRY(lzma_chunk(packed, control, known, window, out_end, decoder));
        } else if (control <= kPlain) {
            TRY(plain_chunk(packed, control, known, window, out_end));
        } else {
            return fail(Error::BadArgument);
        }
    }
}

}  // namespace hv
