// LZMA as LZMA2 uses it: chunks whose sizes are known, in a window that is the output buffer itself.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "hv/base/decompress/lzma_model.hpp"
#include "hv/base/result.hpp"

namespace hv::lzma {

// Where the output goes. `start` is where the dictionary began; a chunk ends at `end`.
struct Window {
    std::uint8_t* start;
    std::uint8_t* at;
    std::uint8_t* end;
};

// The last four distances, each less one.
struct RecentDistances {
    std::uint32_t latest, second, third, fourth;
};

class Decoder {
  public:
    // About 28 KiB: not for the stack. Use after reset() and set_properties() only.
    Decoder() = default;
    Decoder(const Decoder&) = delete;
    Decoder& operator=(const Decoder&) = delete;

    Result<> set_properties(std::uint8_t properties);  // lc, lp and pb in one byte; resets
    void reset();

    // Decodes one chunk: all of `packed` into all of `window`. `readable` says how many bytes may be read past packed's
    // end.
    Result<> chunk(std::span<const std::uint8_t> packed, std::size_t readable, Window& window);

  private:
    struct Input;
    Result<> symbols(Input& input, const std::uint8_t* input_end, Window& window);

    std::uint32_t state_ = 0;
    RecentDistances recent_{};
    std::uint32_t literal_context_bits_ = 0;
    std::uint32_t literal_position_mask_ = 0;
    std::uint32_t position_mask_ = 0;
    Model model_;
};

}  // namespace hv::lzma
