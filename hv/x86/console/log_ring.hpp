// The last 128 KiB of the log. Not locked: the console's lock covers it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "hv/machine/console.hpp"

namespace hv::x86 {

class LogRing {
  public:
    static constexpr std::size_t kSize = 128 * 1024;

    void append(std::string_view text) {
        for (char character : text) bytes_[end_++ % kSize] = character;
    }
    LogRead read(std::uint64_t position, std::span<char> out) const {
        if (position == 0) position = cleared_;
        if (position > end_) position = end_;
        if (end_ > kSize && position < end_ - kSize) position = end_ - kSize;
        std::size_t length = 0;
        while (length < out.size() && position + length < end_) {
            out[length] = bytes_[(position + length) % kSize];
            ++length;
        }
        return {position, position + length, length};
    }
    void clear() { cleared_ = end_; }

  private:
    std::array<char, kSize> bytes_{};
    std::uint64_t end_ = 0;  // bytes ever appended
    std::uint64_t cleared_ = 0;
};

}  // namespace hv::x86
