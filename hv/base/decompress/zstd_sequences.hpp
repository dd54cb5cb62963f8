// The sequences of a zstd block (RFC 8878, 3.1.1.3.2): some literals, then a match, and again.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "hv/base/byte_reader.hpp"
#include "hv/base/decompress/zstd_fse.hpp"
#include "hv/base/result.hpp"

namespace hv::zstd {

// The output of one frame, which is also the window.
struct Output {
    std::uint8_t* start;
    std::uint8_t* at;
    std::uint8_t* end;

    std::size_t room() const { return static_cast<std::size_t>(end - at); }
};

class Sequences {
  public:
    // All that is left of the block's input, with its literals.
    Result<> run(ByteReader& input, std::span<const std::uint8_t> literals, Output& output);

    void new_frame();

  private:
    enum class Mode : std::uint8_t { Predefined, Single, Packed, Repeated };
    struct Code {
        FseTable table;
        bool known = false;
    };
    struct Kind;
    static const Kind kLiteralLengths, kOffsets, kMatchLengths;

    static Result<> prepare(Code& code, const Kind& kind, Mode mode, ByteReader& input);
    Result<> execute(std::size_t count, BackwardBits bits, std::span<const std::uint8_t> literals, Output& output);

    Code literal_lengths_;
    Code offsets_;
    Code match_lengths_;
    std::array<std::size_t, 3> latest_offsets_;
};

}  // namespace hv::zstd
