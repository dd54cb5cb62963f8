// LZMA's range decoder: bits with adaptive probabilities, and bits without.
//
// The whole decoder lives in registers: make it a local variable and let everything inline. The result of bit() is computed
// and not branched on, since an adaptive bit is by its nature hard to predict; decide() is for bits that steer the decoder
// anyway.
#pragma once

#include <cstdint>

namespace hv::lzma {

using Probability = std::uint16_t;  // that the bit is zero, in 1/2048
inline constexpr unsigned kProbabilityBits = 11;
inline constexpr Probability kEven = 1 << (kProbabilityBits - 1);

class RangeDecoder {
  public:
    // Behind `at` come at least as many bytes as will be consumed; nothing is checked here.
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

    // All ones for a one, 0 for a zero.
    [[gnu::always_inline]] std::uint32_t bit(Probability& zero) {
        normalise();
        const std::uint32_t bound = (range_ >> kProbabilityBits) * zero;
        const std::uint32_t one = std::uint32_t{code_ < bound} - 1;
        range_ = bound + (one & (range_ - 2 * bound));
        code_ -= one & bound;
        // Towards 2048 for a zero; towards 31 for a one, which is the same as towards 0 with the quotient rounded the other way.
        constexpr std::uint32_t kTargetOfZero = 1u << kProbabilityBits, kTargetOfOne = (1u << kAdaptShift) - 1;
        const auto target = static_cast<std::int32_t>(kTargetOfZero + (one & (kTargetOfOne - kTargetOfZero)));
        zero = static_cast<Probability>(zero + ((target - zero) >> kAdaptShift));
        return one;
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

    // A number of `Bits` bits, the highest one first; each bit's model is chosen by the bits before it.
    template <unsigned Bits>
    [[gnu::always_inline]] std::uint32_t tree(Probability* models) {
        std::uint32_t symbol = 1;
#pragma GCC unroll 8
        for (unsigned count = 0; count < Bits; ++count) symbol = 2 * symbol - bit(models[symbol]);
        return symbol - (1u << Bits);
    }

  private:
    static constexpr unsigned kAdaptShift = 5;

    const std::uint8_t* at_;
    std::uint32_t range_;
    std::uint32_t code_;
};

}  // namespace hv::lzma
