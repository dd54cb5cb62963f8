// The bit streams of zstd (RFC 8878, 4.1): written forwards, read from their end, the latest bits first. The highest
// bit that is set in the last byte marks the end. Bits from before the start of the stream are zeros; left() tells the
// caller that it has taken some.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>

#include "hv/base/result.hpp"
#include "hv/base/unaligned.hpp"

namespace hv {

class BackwardBits {
  public:
    static constexpr unsigned kRefilled = 57;  // bits that can be taken after a refill()

    static Result<BackwardBits> create(std::span<const std::byte> bytes) {
        if (bytes.empty() || bytes.back() == std::byte{0}) return fail(Error::BadArgument);
        const int mark = std::countl_zero(static_cast<std::uint8_t>(bytes.back()));
        return BackwardBits{bytes.data(), static_cast<std::int64_t>(bytes.size() * 8) - mark - 1};
    }

    // Bits that were not taken; less than zero when there were too few.
    std::int64_t left() const { return left_; }

    // The stream's bytes up to the one that holds the next bit, moved so that this bit is the top one.
    [[gnu::always_inline]] void refill() {
        if (left_ > 56) [[likely]] {
            bits_ = load64(start_ + ((left_ + 7) / 8 - 8)) << (-left_ & 7);
        } else {
            refill_at_start();
        }
    }

    [[gnu::always_inline]] std::uint64_t peek(unsigned count) const { return bits_ >> 1 >> (63 - count); }

    [[gnu::always_inline]] void drop(unsigned count) {
        bits_ <<= count;
        left_ -= count;
    }

    [[gnu::always_inline]] std::uint64_t take(unsigned count) {
        const std::uint64_t value = peek(count);
        drop(count);
        return value;
    }

  private:
    BackwardBits(const std::byte* start, std::int64_t left) : start_{start}, left_{left} {}

    [[gnu::noinline]] void refill_at_start() {
        bits_ = 0;
        for (std::int64_t byte = 0; byte * 8 < left_; ++byte)
            bits_ = bits_ >> 8 | static_cast<std::uint64_t>(start_[byte]) << 56;
        bits_ <<= -left_ & 7;
    }

    const std::byte* start_;
    std::int64_t left_;
    std::uint64_t bits_ = 0;
};

}  // namespace hv
