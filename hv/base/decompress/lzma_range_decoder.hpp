// LZMA's range decoder: bits with adaptive probabilities, and bits without.
//
// The whole decoder lives in registers: make it a local variable and let everything inline. The result of bit() is
// computed and not branched on, since an adaptive bit is by its nature hard to predict; decide() is for bits that steer
// the decoder anyway.
#pragma once

#include <cstdint>

namespace hv::lzma {

using Probability = std::uint16_t;  // that the bit is zero, in 1/2048
inline constexpr unsigned kProbabilityBits = 11;
inline constexpr Probability kEven = 1 << (kProbabilityBits - 1);

class RangeDecoder {
  public:
    // At least as many bytes as will be consumed must follow `at`: nothing is checked here.
    [[gnu::always_inline]] RangeDecoder(const std::uint8_t* at, std::uint32_t range, std::uint32_t code)
        : at_{at}, range_{range}, code_{code} {}

    const std::uint8_t* position() const { return at_; }
    std::uint32_t range() const { return range_; }
    std::uint32_t code() const { return code_; }

    [[gnu::always_inline]] void normalise() {
        if (range_ < (std::uint32_t{1} << 24)) {
            range_ <<= 8;
            code_ = (code_ << 8) | *at_++;
        }
    }

    [[gnu::always_inline]] bool decide(Probability& zero) {
        normalise();
        const std::uint32_t bound = (range_ >> kProbabilityBits) * zero;
        if (code_ < bound) {
            range_ = bound;
            zero = static_cast<Probability>(zero + (((1u << kProbabilityBits) - zero) >> kAdaptShift));
            return false;
        }
        range_ -= bound;
        code_ -= bound;
        zero = static_cast<Probability>(zero - (zero >> kAdaptShift));
        return true;
    }

    [[gnu::always_inline]] std::uint32_t bit(Probability& zero) {
        normalise();
        const std::uint32_t probability = zero, bound = (range_ >> kProbabilityBits) * probability;
        std::uint32_t zero_mask = std::uint32_t{0} - std::uint32_t{code_ < bound};
        asm("" : "+r"(zero_mask));  // or the compiler finds its way back to a branch
        code_ -= bound;
        range_ -= bound;
        code_ += bound & zero_mask;
        range_ += (bound - range_) & zero_mask;
        // A one moves the probability towards 0. A zero moves it towards 2048; written as below, that is towards 2017,
        // but rounded the other way.
        constexpr std::uint32_t kUpwards = (1u << kAdaptShift) - 1 - (1u << kProbabilityBits);
        const auto step = static_cast<std::int32_t>(probability + (kUpwards & zero_mask)) >> kAdaptShift;
        zero = static_cast<Probability>(probability - static_cast<std::uint32_t>(step));
        return zero_mask + 1;
    }

    // A bit without a model: half of the range. 1 or 0.
    [[gnu::always_inline]] std::uint32_t direct_bit() {
        normalise();
        range_ >>= 1;
        const std::uint32_t rest = code_ - range_;
        const std::uint32_t zero = std::uint32_t{0} - (rest >> 31);
        code_ = rest + (range_ & zero);
        return zero + 1;
    }

    // A number below `end`, a power of two, the highest bit first; each bit's model is chosen by the bits before it.
    [[gnu::always_inline]] std::uint32_t tree(Probability* models, std::uint32_t end) {
        std::uint32_t symbol = 1;
#pragma GCC unroll 1
        do symbol = 2 * symbol + bit(models[symbol]);
        while (symbol < end);
        return symbol - end;
    }

    // The same without a loop, for what is decoded most.
    template <unsigned Bits>
    [[gnu::always_inline]] std::uint32_t unrolled_tree(Probability* models) {
        std::uint32_t symbol = 1;
#pragma GCC unroll 8
        for (unsigned count = 0; count < Bits; ++count) symbol = 2 * symbol + bit(models[symbol]);
        return symbol - (1u << Bits);
    }

    // A number of `count` bits, the lowest bit first.
    [[gnu::always_inline]] std::uint32_t reverse_tree(Probability* models, unsigned count) {
        std::uint32_t symbol = 1, number = 0;
#pragma GCC unroll 1
        for (unsigned index = 0; index < count; ++index) {
            const std::uint32_t one = bit(models[symbol]);
            symbol = 2 * symbol + one;
            number |= one << index;
        }
        return number;
    }

  private:
    static constexpr unsigned kAdaptShift = 5;

    const std::uint8_t* at_;
    std::uint32_t range_;
    std::uint32_t code_;
};

}  // namespace hv::lzma
