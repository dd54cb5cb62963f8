#include "hv/base/decompress/zstd_fse.hpp"

#include <bit>

#include "hv/base/decompress/bit_reader.hpp"

namespace hv::zstd {

// Each frequency takes as many bits as the probability that is left asks for, or one less where that is unambiguous.
Result<> FseTable::read(ByteReader& input, unsigned max_log, std::span<const Value> values) {
    BitReader reader{input.rest()};
    reader.refill();
    const unsigned log = reader.take(4) + 5;
    if (log > max_log) return fail(Error::BadArgument);
    std::int16_t frequencies[kMaxSymbols] = {};
    std::size_t symbol = 0;
    for (std::uint32_t left = 1u << log; left != 0;) {
        if (symbol >= values.size()) return fail(Error::BadArgument);
        reader.refill();
        const auto width = static_cast<unsigned>(std::bit_width(left + 1));
        const std::uint32_t half = 1u << (width - 1), shorter = 2 * half - 2 - left;
        std::uint32_t value = reader.peek(width - 1);
        if (value < shorter) {
            reader.drop(width - 1);
        } else {
            value = reader.take(width);
            if (value >= half) value -= shorter;
        }
        if (value > left + 1) return fail(Error::BadArgument);
        frequencies[symbol++] = static_cast<std::int16_t>(static_cast<int>(value) - 1);
        left -= value == 0 ? 1 : value - 1;
        // After a zero comes the number of further zeros, in 2 bits; after a 3 comes another such number.
        for (std::uint32_t more = value == 1 ? 3 : 0; more == 3;) {
            reader.refill();
            more = reader.take(2);
            symbol += more;
            if (symbol > values.size()) return fail(Error::BadArgument);
        }
    }
    if (reader.overrun()) return fail(Error::BadArgument);
    build({frequencies, symbol}, log, values);
    return input.skip(input.left() - reader.rest().size());
}

void FseTable::build(std::span<const std::int16_t> frequencies, unsigned log, std::span<const Value> values) {
    const std::uint32_t size = 1u << log, step = size / 2 + size / 8 + 3;
    std::uint8_t symbols[1 << kMaxLog];
    std::uint16_t occurrence[kMaxSymbols];
    // The rarest symbols have the last states. The others are spread over the rest, with a step that is coprime to the
    // size.
    std::uint32_t end = size;
    for (std::size_t symbol = 0; symbol < frequencies.size(); ++symbol) {
        occurrence[symbol] = static_cast<std::uint16_t>(frequencies[symbol]);
        if (frequencies[symbol] >= 0) continue;
        symbols[--end] = static_cast<std::uint8_t>(symbol);
        occurrence[symbol] = 1;
    }
    std::uint32_t state = 0;
    for (std::size_t symbol = 0; symbol < frequencies.size(); ++symbol)
        for (int count = 0; count < frequencies[symbol]; ++count) {
            symbols[state] = static_cast<std::uint8_t>(symbol);
            do state = (state + step) & (size - 1);
            while (state >= end);
        }
    // A symbol's states share the whole range of next states among them; the first ones get the larger shares.
    for (state = 0; state < size; ++state) {
        const std::uint8_t symbol = symbols[state];
        const std::uint32_t share = occurrence[symbol]++;
        const unsigned bits = log + 1 - static_cast<unsigned>(std::bit_width(share));
        states_[state] = {values[symbol].base, static_cast<std::uint16_t>((share << bits) - size),
                          static_cast<std::uint8_t>(bits), values[symbol].extra_bits};
    }
    log_ = log;
}

void FseTable::build_single(Value value) {
    states_[0] = {value.base, 0, 0, value.extra_bits};
    log_ = 0;
}

}  // namespace hv::zstd
