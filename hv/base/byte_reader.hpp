// Reads a span from its start to its end and never beyond: what is missing is Error::BadArgument.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "hv/base/result.hpp"
#include "hv/base/unaligned.hpp"

namespace hv {

class ByteReader {
  public:
    explicit ByteReader(std::span<const std::byte> bytes) : bytes_{bytes} {}

    std::size_t position() const { return position_; }
    std::size_t left() const { return bytes_.size() - position_; }
    std::span<const std::byte> rest() const { return bytes_.subspan(position_); }
    std::span<const std::byte> since(std::size_t start) const { return bytes_.subspan(start, position_ - start); }

    Result<std::span<const std::byte>> take(std::size_t count) {
        if (count > left()) return fail(Error::BadArgument);
        const auto taken = bytes_.subspan(position_, count);
        position_ += count;
        return taken;
    }

    Result<> skip(std::size_t count) {
        if (count > left()) return fail(Error::BadArgument);
        position_ += count;
        return {};
    }

    Result<std::uint8_t> u8() { return static_cast<std::uint8_t>(TRY(take(1))[0]); }
    Result<std::uint16_t> u16() { return load16(TRY(take(2)).data()); }
    Result<std::uint32_t> u32() { return load32(TRY(take(4)).data()); }
    Result<std::uint64_t> u64() { return load64(TRY(take(8)).data()); }

    // A little-endian number of up to eight bytes.
    Result<std::uint64_t> bytes_as_number(std::size_t count) {
        std::uint64_t value = 0;
        std::memcpy(&value, TRY(take(count)).data(), count);
        return value;
    }

    // Bytes of zero up to a multiple of four, counted from `start`.
    Result<> zeros_to_multiple_of_four(std::size_t start) {
        while ((position_ - start) % 4 != 0)
            if (TRY(u8()) != 0) return fail(Error::BadArgument);
        return {};
    }

  private:
    std::span<const std::byte> bytes_;
    std::size_t position_ = 0;
};

}  // namespace hv
