#include "hv/base/decompress/zstd_sequences.hpp"

#include <cstring>

#include "hv/base/decompress/match_copy.hpp"
#include "hv/base/decompress/zstd_values.hpp"

namespace hv::zstd {
namespace {

constexpr std::uint8_t kReservedModes = 3;

Result<std::size_t> sequence_count(ByteReader& input) {
    const std::size_t first = TRY(input.u8());
    if (first < 128) return first;
    if (first < 255) return (first - 128) * 256 + TRY(input.u8());
    return std::size_t{0x7f00} + TRY(input.u16());
}

// Copies whole words, which is faster, where input and output both go on for a word past the literals: the last word
// may be too long.
[[gnu::always_inline]] inline void copy_literals(Output& output, std::span<const std::uint8_t>& literals,
                                                 std::size_t length) {
    const std::uint8_t* from = literals.data();
    std::uint8_t* to = output.at;
    std::uint8_t* const end = to + length;
    if (literals.size() - length >= 8 && output.room() - length >= 8) [[likely]] {
        for (; to < end; to += 8, from += 8) store64(to, load64(from));
    } else if (length != 0) {
        std::memcpy(to, from, length);
    }
    output.at = end;
    literals = literals.subspan(length);
}

// Values 1 to 3 stand for one of the latest offsets, counted from the second one if no literals come before the match;
// then the third is the latest less one.
std::size_t find_offset(std::array<std::size_t, 3>& latest, std::size_t value, bool literals) {
    if (value > 3) {
        latest = {value - 3, latest[0], latest[1]};
        return latest[0];
    }
    const std::size_t index = value - (literals ? 1 : 0);
    if (index == 0) return latest[0];
    const std::size_t offset = index == 3 ? latest[0] - 1 : latest[index];
    latest = {offset, latest[0], index == 1 ? latest[2] : latest[1]};
    return offset;
}

}  // namespace

struct Sequences::Kind {
    std::span<const Value> values;
    unsigned max_log;
    std::span<const std::int16_t> frequencies;
    unsigned log;
};
const Sequences::Kind Sequences::kLiteralLengths{kLiteralLengthValues, 9, kLiteralLengthFrequencies, kLiteralLengthLog};
const Sequences::Kind Sequences::kOffsets{kOffsetValues, 8, kOffsetFrequencies, kOffsetLog};
const Sequences::Kind Sequences::kMatchLengths{kMatchLengthValues, 9, kMatchLengthFrequencies, kMatchLengthLog};

void Sequences::new_frame() {
    literal_lengths_.known = offsets_.known = match_lengths_.known = false;
    latest_offsets_ = {1, 4, 8};
}

Result<> Sequences::prepare(Code& code, const Kind& kind, Mode mode, ByteReader& input) {
    if (mode == Mode::Repeated) {
        if (!code.known) return fail(Error::BadArgument);
        return {};
    }
    code.known = false;
    switch (mode) {
        case Mode::Predefined: code.table.build(kind.frequencies, kind.log, kind.values); break;
        case Mode::Single: {
            const std::uint8_t symbol = TRY(input.u8());
            if (symbol >= kind.values.size()) return fail(Error::BadArgument);
            code.table.build_single(kind.values[symbol]);
            break;
        }
        case Mode::Packed: TRY(code.table.read(input, kind.max_log, kind.values)); break;
        case Mode::Repeated: break;
    }
    code.known = true;
    return {};
}

Result<> Sequences::run(ByteReader& input, std::span<const std::uint8_t> literals, Output& output) {
    const std::size_t count = TRY(sequence_count(input));
    if (count == 0) {
        if (input.left() != 0 || literals.size() > output.room()) return fail(Error::BadArgument);
        copy_literals(output, literals, literals.size());
        return {};
    }
    const std::uint8_t modes = TRY(input.u8());
    if ((modes & kReservedModes) != 0) return fail(Error::BadArgument);
    TRY(prepare(literal_lengths_, kLiteralLengths, static_cast<Mode>(modes >> 6), input));
    TRY(prepare(offsets_, kOffsets, static_cast<Mode>(modes >> 4 & 3), input));
    TRY(prepare(match_lengths_, kMatchLengths, static_cast<Mode>(modes >> 2 & 3), input));
    return execute(count, TRY(BackwardBits::create(input.rest())), literals, output);
}

Result<> Sequences::execute(std::size_t count, BackwardBits bits, std::span<const std::uint8_t> literals,
                            Output& output) {
    constexpr unsigned kAllStates = 3 * FseTable::kMaxLog;
    const FseState* const literal_lengths = literal_lengths_.table.states();
    const FseState* const offsets = offsets_.table.states();
    const FseState* const match_lengths = match_lengths_.table.states();
    Output out = output;
    std::array<std::size_t, 3> latest = latest_offsets_;
    bits.refill();
    std::uint32_t literal_state = literal_lengths_.table.first_state(bits);
    std::uint32_t offset_state = offsets_.table.first_state(bits);
    std::uint32_t match_state = match_lengths_.table.first_state(bits);
    for (;;) {
        const FseState literal_length = literal_lengths[literal_state], offset = offsets[offset_state];
        const FseState match_length = match_lengths[match_state];
        const unsigned extra_bits = 0u + literal_length.extra_bits + offset.extra_bits + match_length.extra_bits;
        const bool many = extra_bits + kAllStates > BackwardBits::kRefilled;
        bits.refill();
        const std::size_t offset_value = offset.base + bits.take(offset.extra_bits);
        if (many) [[unlikely]]
            bits.refill();
        const std::size_t matched = match_length.base + bits.take(match_length.extra_bits);
        const std::size_t plain = literal_length.base + bits.take(literal_length.extra_bits);
        if (plain > literals.size() || plain > out.room()) return fail(Error::BadArgument);
        copy_literals(out, literals, plain);
        const std::size_t distance = find_offset(latest, offset_value, plain != 0);
        // A distance of zero wraps around here.
        if (distance - 1 >= static_cast<std::size_t>(out.at - out.start) || matched > out.room())
            return fail(Error::BadArgument);
        out.at = copy_match(out.at, distance, matched, out.end);
        if (--count == 0) break;
        if (many) [[unlikely]]
            bits.refill();
        literal_state = advance(literal_length, bits);
        match_state = advance(match_length, bits);
        offset_state = advance(offset, bits);
        if (bits.left() < 0) return fail(Error::BadArgument);
    }
    if (bits.left() != 0 || literals.size() > out.room()) return fail(Error::BadArgument);
    copy_literals(out, literals, literals.size());
    output = out;
    latest_offsets_ = latest;
    return {};
}

}  // namespace hv::zstd
