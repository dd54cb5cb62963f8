#include "hv/base/decompress/inflate.hpp"

#include <algorithm>
#include <array>

#include "hv/base/decompress/bit_reader.hpp"
#include "hv/base/decompress/match_copy.hpp"
#include "hv/base/decompress/prefix_code.hpp"
#include "hv/base/own_ptr.hpp"

namespace hv {
namespace {

constexpr std::uint32_t kEndOfBlock = 256, kFirstLength = 257;
constexpr std::size_t kLengths = 29, kDistances = 30;

struct Base {
    std::uint16_t value;
    std::uint8_t extra_bits;
};

// Lengths from 3 on: eight without extra bits, then four each with one bit more; the last code is 258 alone.
constexpr std::array<Base, kLengths> kLengthBases = [] {
    std::array<Base, kLengths> bases{};
    unsigned value = 3;
    for (unsigned index = 0; index < kLengths; ++index) {
        const unsigned extra = index < 8 ? 0 : index / 4 - 1;
        bases[index] = {static_cast<std::uint16_t>(value), static_cast<std::uint8_t>(extra)};
        value += 1u << extra;
    }
    bases[kLengths - 1] = {258, 0};
    return bases;
}();
static_assert(kLengthBases[8].value == 11 && kLengthBases[27].value == 227);

// Distances from 1 on: four without extra bits, then two each with one bit more.
constexpr std::array<Base, kDistances> kDistanceBases = [] {
    std::array<Base, kDistances> bases{};
    unsigned value = 1;
    for (unsigned index = 0; index < kDistances; ++index) {
        const unsigned extra = index < 4 ? 0 : index / 2 - 1;
        bases[index] = {static_cast<std::uint16_t>(value), static_cast<std::uint8_t>(extra)};
        value += 1u << extra;
    }
    return bases;
}();
static_assert(kDistanceBases[29].value == 24577);

class Inflater {
  public:
    Inflater(std::span<const std::byte> packed, std::span<std::byte> out)
        : reader_{packed},
          start_{reinterpret_cast<std::uint8_t*>(out.data())},
          at_{start_},
          end_{start_ + out.size()} {}

    Result<Inflated> run() {
        for (bool last = false; !last;) {
            reader_.refill();
            last = reader_.take(1) != 0;
            switch (reader_.take(2)) {
                case 0: TRY(stored()); break;
                case 1:
                    TRY(fixed_codes());
                    TRY(symbols());
                    break;
                case 2:
                    TRY(dynamic_codes());
                    TRY(symbols());
                    break;
                default: return fail(Error::BadArgument);
            }
        }
        return Inflated{static_cast<std::size_t>(at_ - start_), reader_.rest()};
    }

  private:
    Result<> stored() {
        if (reader_.overrun()) return fail(Error::BadArgument);
        const std::span<const std::byte> rest = reader_.rest();
        if (rest.size() < 4) return fail(Error::BadArgument);
        const std::size_t length = load16(rest.data());
        if ((length ^ 0xffff) != load16(rest.data() + 2)) return fail(Error::BadArgument);
        if (length > rest.size() - 4 || length > static_cast<std::size_t>(end_ - at_)) return fail(Error::BadArgument);
        if (length != 0) std::memcpy(at_, rest.data() + 4, length);
        at_ += length;
        reader_ = BitReader{rest.subspan(4 + length)};
        return {};
    }

    Result<> fixed_codes() {
        std::array<std::uint8_t, 288> lengths;
        std::fill(lengths.begin(), lengths.begin() + 144, std::uint8_t{8});
        std::fill(lengths.begin() + 144, lengths.begin() + 256, std::uint8_t{9});
        std::fill(lengths.begin() + 256, lengths.begin() + 280, std::uint8_t{7});
        std::fill(lengths.begin() + 280, lengths.end(), std::uint8_t{8});
        TRY(literals_.build(lengths));
        std::fill_n(lengths.begin(), kDistances, std::uint8_t{5});
        return distances_.build(std::span{lengths}.first(kDistances));
    }

    // The lengths of the codes, themselves in a code whose lengths come first.
    Result<> dynamic_codes() {
        constexpr std::uint8_t kOrder[] = {16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15};
        const std::size_t literal_count = reader_.take(5) + 257, distance_count = reader_.take(5) + 1;
        const std::size_t order_count = reader_.take(4) + 4;
        std::array<std::uint8_t, 19> order_lengths{};
        for (std::size_t index = 0; index < order_count; ++index) {
            reader_.refill();
            order_lengths[kOrder[index]] = static_cast<std::uint8_t>(reader_.take(3));
        }
        TRY(literals_.build(order_lengths));
        std::array<std::uint8_t, 288 + 32> lengths{};
        const std::size_t count = literal_count + distance_count;
        for (std::size_t index = 0; index < count;) {
            reader_.refill();
            const std::uint32_t symbol = literals_.decode(reader_);
            if (symbol > 18 || (symbol == 16 && index == 0)) return fail(Error::BadArgument);
            if (symbol < 16) {
                lengths[index++] = static_cast<std::uint8_t>(symbol);
                continue;
            }
            const std::uint8_t length = symbol == 16 ? lengths[index - 1] : std::uint8_t{0};
            const std::size_t repeat = symbol == 18 ? 11 + reader_.take(7) : 3 + reader_.take(symbol == 17 ? 3 : 2);
            if (repeat > count - index) return fail(Error::BadArgument);
            std::fill_n(lengths.data() + index, repeat, length);
            index += repeat;
        }
        if (reader_.overrun() || literal_count > PrefixCode::kMaxSymbols) return fail(Error::BadArgument);
        TRY(literals_.build(std::span{lengths}.first(literal_count)));
        return distances_.build(std::span{lengths}.subspan(literal_count, distance_count));
    }

    // Literals and matches up to the end of the block.
    Result<> symbols() {
        BitReader reader = reader_;
        std::uint8_t* out = at_;
        for (;;) {
            reader.refill();  // enough for a length and a distance, both with their extra bits
            const std::uint32_t symbol = literals_.decode(reader);
            if (reader.overrun()) return fail(Error::BadArgument);
            if (symbol < kEndOfBlock) {
                if (out == end_) return fail(Error::BadArgument);
                *out++ = static_cast<std::uint8_t>(symbol);
                continue;
            }
            if (symbol == kEndOfBlock) break;
            if (symbol >= kFirstLength + kLengths) return fail(Error::BadArgument);
            const Base length_base = kLengthBases[symbol - kFirstLength];
            const std::size_t length = length_base.value + reader.take(length_base.extra_bits);
            const std::uint32_t distance_symbol = distances_.decode(reader);
            if (distance_symbol >= kDistances) return fail(Error::BadArgument);
            const Base distance_base = kDistanceBases[distance_symbol];
            const std::size_t distance = distance_base.value + reader.take(distance_base.extra_bits);
            if (distance > static_cast<std::size_t>(out - start_) || length > static_cast<std::size_t>(end_ - out))
                return fail(Error::BadArgument);
            out = copy_match(out, distance, length, end_);
        }
        reader_ = reader;
        at_ = out;
        return {};
    }

    BitReader reader_;
    std::uint8_t* start_;
    std::uint8_t* at_;
    std::uint8_t* end_;
    PrefixCode literals_;
    PrefixCode distances_;
};

}  // namespace

Result<Inflated> inflate(std::span<const std::byte> packed, std::span<std::byte> out) {
    const OwnPtr<Inflater> inflater = TRY(make_own<Inflater>(packed, out));
    return inflater->run();
}

}  // namespace hv
