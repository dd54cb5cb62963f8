#include "hv/base/decompress/zstd_huffman.hpp"

#include <algorithm>
#include <array>
#include <bit>

namespace hv::zstd {
namespace {

constexpr std::uint8_t kPlainWeights = 128;
constexpr unsigned kMaxWeightLog = 6;

constexpr std::array<Value, 12> kWeights = [] {
    std::array<Value, 12> values{};
    for (std::uint32_t weight = 0; weight < values.size(); ++weight) values[weight] = {weight, 0};
    return values;
}();

}  // namespace

Result<> HuffmanTable::read(ByteReader& input) {
    const std::size_t count = TRY(read_weights(input));
    return build(count);
}

Result<std::size_t> HuffmanTable::read_weights(ByteReader& input) {
    const std::uint8_t header = TRY(input.u8());
    if (header < kPlainWeights) return read_packed_weights(TRY(input.take(header)));
    const std::size_t count = header - kPlainWeights + 1u;
    const auto pairs = TRY(input.take((count + 1) / 2));
    for (std::size_t index = 0; index < count; ++index) {
        const auto pair = static_cast<std::uint8_t>(pairs[index / 2]);
        weights_[index] = index % 2 == 0 ? pair >> 4 : pair & 15;
    }
    return count;
}

// Two states take turns until the stream has no bits left for the next one.
Result<std::size_t> HuffmanTable::read_packed_weights(std::span<const std::byte> packed) {
    ByteReader input{packed};
    TRY(weight_table_.read(input, kMaxWeightLog, kWeights));
    BackwardBits bits = TRY(BackwardBits::create(input.rest()));
    const FseState* const states = weight_table_.states();
    bits.refill();
    std::uint32_t current = weight_table_.first_state(bits), other = weight_table_.first_state(bits);
    if (bits.left() < 0) return fail(Error::BadArgument);
    for (std::size_t count = 0; count < kMaxSymbols - 2;) {
        weights_[count++] = static_cast<std::uint8_t>(states[current].base);
        bits.refill();
        current = advance(states[current], bits);
        if (bits.left() < 0) {
            weights_[count++] = static_cast<std::uint8_t>(states[other].base);
            return count;
        }
        std::swap(current, other);
    }
    return fail(Error::BadArgument);
}

// The last symbol's weight is what is missing. Symbols of low weight have the first, long codes.
Result<> HuffmanTable::build(std::size_t weight_count) {
    std::uint32_t sum = 0;
    for (std::size_t symbol = 0; symbol < weight_count; ++symbol) {
        if (weights_[symbol] > kMaxBits) return fail(Error::BadArgument);
        sum += 1u << weights_[symbol] >> 1;
    }
    if (sum == 0) return fail(Error::BadArgument);
    const auto log = static_cast<unsigned>(std::bit_width(sum));
    const std::uint32_t missing = (1u << log) - sum;
    if (log > kMaxBits || !(missing != 0 && (missing & (missing - 1)) == 0)) return fail(Error::BadArgument);
    weights_[weight_count] = static_cast<std::uint8_t>(std::bit_width(missing));
    Entry* entry = entries_;
    for (unsigned weight = 1; weight <= log; ++weight)
        for (std::size_t symbol = 0; symbol <= weight_count; ++symbol) {
            if (weights_[symbol] != weight) continue;
            const Entry own{static_cast<std::uint8_t>(symbol), static_cast<std::uint8_t>(log + 1 - weight)};
            entry = std::fill_n(entry, 1u << (weight - 1), own);
        }
    log_ = log;
    return {};
}

Result<> HuffmanTable::decode(std::span<const std::byte> stream, std::span<std::uint8_t> out) const {
    constexpr unsigned kAtOnce = BackwardBits::kRefilled / kMaxBits;
    BackwardBits bits = TRY(BackwardBits::create(stream));
    const Entry* const entries = entries_;
    const unsigned log = log_;
    std::uint8_t* at = out.data();
    std::uint8_t* const end = at + out.size();
    const auto symbol = [&] {
        const Entry entry = entries[bits.peek(log)];
        *at++ = entry.symbol;
        bits.drop(entry.bits);
    };
    while (static_cast<std::size_t>(end - at) >= kAtOnce) {
        bits.refill();
#pragma GCC unroll 8
        for (unsigned count = 0; count < kAtOnce; ++count) symbol();
    }
    bits.refill();
    while (at != end) symbol();
    if (bits.left() != 0) return fail(Error::BadArgument);
    return {};
}

}  // namespace hv::zstd
