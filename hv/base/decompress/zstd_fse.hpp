// Zstd's finite state entropy code (RFC 8878, 4.1): each state stands for a symbol and says which bits lead to the next
// one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "hv/base/byte_reader.hpp"
#include "hv/base/decompress/backward_bits.hpp"
#include "hv/base/result.hpp"

namespace hv::zstd {

// What a symbol means: a number from `base` on, by that many more bits of the stream.
struct Value {
    std::uint32_t base;
    std::uint8_t extra_bits;
};

struct FseState {
    std::uint32_t base;  // of the symbol's value
    std::uint16_t next;  // state, to which the next `bits` are added
    std::uint8_t bits;
    std::uint8_t extra_bits;  // of the symbol's value
};
static_assert(sizeof(FseState) == 8);

class FseTable {
  public:
    static constexpr unsigned kMaxLog = 9;
    static constexpr std::size_t kMaxSymbols = 64;

    // The frequencies come from `input`; there are as many symbols as `values`.
    Result<> read(ByteReader& input, unsigned max_log, std::span<const Value> values);
    // frequencies[symbol]; -1 is a frequency below one. They add up to 2^log.
    void build(std::span<const std::int16_t> frequencies, unsigned log, std::span<const Value> values);
    void build_single(Value value);

    const FseState* states() const { return states_; }

    std::uint32_t first_state(BackwardBits& bits) const { return static_cast<std::uint32_t>(bits.take(log_)); }

  private:
    unsigned log_;
    FseState states_[1 << kMaxLog];
};

// The next state.
[[gnu::always_inline]] inline std::uint32_t advance(const FseState& state, BackwardBits& bits) {
    return state.next + static_cast<std::uint32_t>(bits.take(state.bits));
}

}  // namespace hv::zstd
