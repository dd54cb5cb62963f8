#include "hv/base/decompress/lzma_decoder.hpp"

#include <algorithm>
#include <array>

#include "hv/base/decompress/match_copy.hpp"

namespace hv::lzma {
namespace {

// No symbol takes more: 22 bits with a model at 6.05 bits of input each at worst, 26 without, and the byte begun.
constexpr std::size_t kMaxSymbolBytes = 21;

// What came last: 0-3 literals long enough, 4-6 a literal soon after a match, 7-11 a match of some kind.
constexpr std::uint32_t kFirstMatchState = 7;
constexpr std::uint8_t kAfterLiteral[kStates] = {0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 4, 5};
constexpr std::uint32_t after_match(std::uint32_t state) {
    return state < kFirstMatchState ? 7 : 10;
}
constexpr std::uint32_t after_repeat(std::uint32_t state) {
    return state < kFirstMatchState ? 8 : 11;
}
constexpr std::uint32_t after_short_repeat(std::uint32_t state) {
    return state < kFirstMatchState ? 9 : 11;
}

[[gnu::always_inline]] inline std::uint32_t decode_length(RangeDecoder& range, LengthModel& model,
                                                          std::uint32_t position_state) {
    std::uint32_t base = kMinMatch;
    Probability* models = model.low[position_state];
    if (range.decide(model.above_low)) {
        if (range.decide(model.above_mid)) return kMinMatch + 16 + range.tree(model.high, 256);
        base += 8;
        models = model.mid[position_state];
    }
    return base + range.unrolled_tree<3>(models);
}

// The distance less one.
[[gnu::always_inline]] inline std::uint32_t decode_distance(RangeDecoder& range, Model& model, std::uint32_t length) {
    const std::uint32_t slot = range.tree(model.slot[std::min(length - kMinMatch, kLengthClasses - 1)], 64);
    if (slot < kFirstModelSlot) return slot;
    const std::uint32_t bits = slot / 2 - 1;
    std::uint32_t distance = 2 | (slot & 1);
    if (slot < kFirstDirectSlot) {
        // All slots share one array: each begins where the distances of the slot before it end.
        distance <<= bits;
        return distance + range.reverse_tree(model.low_distance + distance - slot, bits);
    }
    for (std::uint32_t count = bits - kAlignBits; count != 0; --count) distance = 2 * distance + range.direct_bit();
    return (distance << kAlignBits) + range.reverse_tree(model.align, kAlignBits);
}

// One of the last four distances again. False if that is for one byte only, and no length follows.
[[gnu::always_inline]] inline bool decode_repeat(RangeDecoder& range, Model& model, std::uint32_t state,
                                                 std::uint32_t position_state, RecentDistances& recent) {
    if (!range.decide(model.is_older[state])) return range.decide(model.is_long[state][position_state]);
    std::uint32_t distance = recent.second;
    if (range.decide(model.is_older_still[state])) {
        distance = recent.third;
        if (range.decide(model.is_oldest[state])) {
            distance = recent.fourth;
            recent.fourth = recent.third;
        }
        recent.third = recent.second;
    }
    recent.second = recent.latest;
    recent.latest = distance;
    return true;
}

// A literal after a match is most likely not the byte that would have continued it, so that byte chooses the models for
// as long as the bits are the same.
[[gnu::always_inline]] inline std::uint32_t decode_matched_literal(RangeDecoder& range, Probability* models,
                                                                   std::uint32_t expected) {
    std::uint32_t symbol = 1, same = 0x100;
#pragma GCC unroll 1
    do {
        expected <<= 1;
        const std::uint32_t one = range.bit(models[same + (expected & same) + symbol]);
        symbol = 2 * symbol + one;
        same &= expected ^ (one - 1);
    } while (symbol < 0x100);
    return symbol;
}

}  // namespace

struct Decoder::Input {
    const std::uint8_t* at;
    std::uint32_t range;
    std::uint32_t code;
};

void Decoder::reset() {
    state_ = 0;
    recent_ = {};
    model_.reset();
}

Result<> Decoder::set_properties(std::uint8_t properties) {
    const unsigned context_bits = properties % 9, position_bits = properties / 9 % 5, state_bits = properties / 45;
    if (state_bits > 4 || context_bits + position_bits > kMaxLiteralBits) return fail(Error::BadArgument);
    literal_context_bits_ = context_bits;
    literal_position_mask_ = (1u << position_bits) - 1;
    position_mask_ = (1u << state_bits) - 1;
    reset();
    return {};
}

// Until the window is full or the input is at its end (at most kMaxSymbolBytes beyond it, for the caller to find out).
//
// All of it fits into one page, which is why only literals and short lengths are unrolled: an emulator, which is where
// hv also has to boot fast, follows a jump within a page at no cost, but has to look up one that leaves it.
[[gnu::aligned(4096)]] Result<> Decoder::symbols(Input& input, const std::uint8_t* input_end, Window& window) {
    RangeDecoder range{input.at, input.range, input.code};
    Model& model = model_;
    std::uint8_t* out = window.at;
    std::uint8_t* const start = window.start;
    std::uint8_t* const end = window.end;
    std::uint32_t state = state_;
    RecentDistances recent = recent_;
    while (out != end && range.position() <= input_end) {
        const auto position = static_cast<std::uint32_t>(out - start);
        const std::uint32_t position_state = position & position_mask_;
        if (!range.decide(model.is_match[state][position_state])) {
            const std::uint32_t previous = out == start ? 0 : out[-1];
            const std::uint32_t context = ((position & literal_position_mask_) << literal_context_bits_) +
                                          (previous >> (8 - literal_context_bits_));
            Probability* const models = model.literal + kLiteralModels * context;
            // After a match, the latest distance has been checked.
            const std::uint32_t literal = state < kFirstMatchState
                                              ? range.unrolled_tree<8>(models)
                                              : decode_matched_literal(range, models, *(out - recent.latest - 1));
            *out++ = static_cast<std::uint8_t>(literal);
            state = kAfterLiteral[state];
            continue;
        }
        const bool repeat = range.decide(model.is_repeat[state]);
        LengthModel& lengths = repeat ? model.repeat_length : model.match_length;
        std::uint32_t length = 1;
        if (!repeat || decode_repeat(range, model, state, position_state, recent))
            length = decode_length(range, lengths, position_state);
        if (repeat) {
            state = length == 1 ? after_short_repeat(state) : after_repeat(state);
        } else {
            recent = {decode_distance(range, model, length), recent.latest, recent.second, recent.third};
            state = after_match(state);
        }
        // LZMA2 has no end marker, whose distance would be caught here; and no match goes on in the next chunk.
        if (recent.latest >= static_cast<std::size_t>(out - start) || length > static_cast<std::size_t>(end - out))
            return fail(Error::BadArgument);
        out = copy_match(out, std::size_t{recent.latest} + 1, length, end);
    }
    range.normalise();
    input = {range.position(), range.range(), range.code()};
    window.at = out;
    state_ = state;
    recent_ = recent;
    return {};
}

Result<> Decoder::chunk(std::span<const std::uint8_t> packed, std::size_t readable, Window& window) {
    constexpr std::size_t kStart = 5;  // a byte of zero, then the first four of the code, the highest first
    if (packed.size() < kStart || packed[0] != 0) return fail(Error::BadArgument);
    Input input{packed.data() + kStart, ~std::uint32_t{0}, __builtin_bswap32(load32(packed.data() + 1))};
    const std::uint8_t* packed_end = packed.data() + packed.size();
    std::array<std::uint8_t, 3 * kMaxSymbolBytes> tail{};
    if (readable < kMaxSymbolBytes) {
        // Stop early enough, and go on in a copy that has room to read beyond it.
        const std::size_t copied = std::min(packed.size() - kStart, kMaxSymbolBytes);
        const std::uint8_t* const safe_end = packed_end - copied;
        if (safe_end != input.at) TRY(symbols(input, safe_end, window));
        // More than that is left when the window is full too early.
        if (static_cast<std::size_t>(packed_end - input.at) > kMaxSymbolBytes) return fail(Error::BadArgument);
        std::memcpy(tail.data(), input.at, static_cast<std::size_t>(packed_end - input.at));
        packed_end = tail.data() + (packed_end - input.at);
        input.at = tail.data();
    }
    TRY(symbols(input, packed_end, window));
    // A chunk takes up all of its input, and what is left of the code is then zero.
    if (window.at != window.end || input.at != packed_end || input.code != 0) return fail(Error::BadArgument);
    return {};
}

}  // namespace hv::lzma
