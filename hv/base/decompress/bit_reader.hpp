// Bits from the lowest of each byte upwards, as deflate packs them. Bits from past the end of the input are zeros;
// overrun() tells the caller that it has taken some.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "hv/base/unaligned.hpp"

namespace hv {

class BitReader {
  public:
    static constexpr unsigned kRefilled = 56;  // bits that can be taken after a refill()

    explicit BitReader(std::span<const std::byte> bytes) : at_{bytes.data()}, end_{at_ + bytes.size()} {}

    [[gnu::always_inline]] void refill() {
        if (end_ - at_ >= 8) [[likely]] {
            bits_ |= load64(at_) << count_;
            at_ += (63 - count_) / 8;
            count_ |= kRefilled;
            return;
        }
        for (; count_ < kRefilled; count_ += 8) {
            if (at_ != end_) {
                bits_ |= static_cast<std::uint64_t>(*at_++) << count_;
            } else {
                zeros_ += 8;
            }
        }
    }

    std::uint64_t bits() const { return bits_; }
    std::uint32_t peek(unsigned count) const {
        return static_cast<std::uint32_t>(bits_ & ((std::uint64_t{1} << count) - 1));
    }

    void drop(unsigned count) {
        bits_ >>= count;
        count_ -= count;
    }

    // At most 32 bits.
    std::uint32_t take(unsigned count) {
        const std::uint32_t value = peek(count);
        drop(count);
        return value;
    }

    bool overrun() const { return zeros_ > count_; }

    // What was not taken, from the next whole byte on. Nothing may have overrun.
    std::span<const std::byte> rest() const {
        const std::byte* const next = at_ - (count_ - zeros_) / 8;
        return {next, end_};
    }

  private:
    const std::byte* at_;
    const std::byte* end_;
    std::uint64_t bits_ = 0;  // those that were read ahead; above count_ there may be some of the next byte's
    unsigned count_ = 0;
    unsigned zeros_ = 0;  // bits in count_ that no input stands for
};

}  // namespace hv
