// The last of the log: 64 KiB of hv's own lines and as much of those about guests, so that no guest's doings push out
// what hv says of itself. Both are read as one text, in the order in which they were written. Not locked: the console's
// lock covers it.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "hv/machine/console.hpp"

namespace hv::x86 {

class LogRing {
  public:
    static constexpr std::size_t kSize = 64 * 1024;  // of each half, with 8 bytes a line for its place
    static constexpr std::size_t kLongest = 4096;    // what a line has beyond that is cut off

    // One line, its newline included.
    void append(std::span<const std::string_view> parts, bool about_guest) {
        std::size_t length = 0;
        for (const std::string_view part : parts) length += part.size();
        length = std::min(length, kLongest);
        halves_[about_guest].add({end_, length}, parts);
        end_ += length;
    }
    // From one place on without a gap: where lines were lost, the next call goes on after them.
    LogRead read(std::uint64_t position, std::span<char> out) const {
        if (position == 0) position = cleared_;
        Place at[] = {halves_[0].find(position), halves_[1].find(position)};
        const auto next = [&] { return at[0].line.start < at[1].line.start ? 0 : 1; };
        const std::uint64_t first = std::min(std::max(position, at[next()].line.start), end_);
        std::size_t length = 0;
        while (length < out.size() && first + length < end_) {
            Place& place = at[next()];
            if (place.line.start > first + length) break;
            const std::size_t skipped = first + length - place.line.start;
            const Half& half = halves_[next()];
            length += half.copy(place, skipped, out.subspan(length));
            if (first + length == place.line.end()) place = half.after(place);
        }
        return {first, first + length, length};
    }
    void clear() { cleared_ = end_; }

  private:
    struct Line {
        std::uint64_t start;  // in bytes since boot, as a reader counts them
        std::uint64_t length;
        std::uint64_t end() const { return start + length; }
    };
    struct Place {
        Line line;
        std::uint64_t at;  // in bytes that were ever put into the half
    };
    static constexpr Line kNone{~std::uint64_t{0}, 0};

    // Lines one after the other, each after a word that says which it is.
    class Half {
      public:
        void add(Line line, std::span<const std::string_view> parts) {
            while (begin_ != end_ && end_ + kWordBytes + line.length - begin_ > kSize) {
                begin_ += kWordBytes + line_at(begin_).length;
                // A CPU that panics writes beside another one's line, and must come to an end.
                if (end_ - begin_ > kSize) begin_ = end_;
            }
            for (unsigned i = 0; i < kWordBytes; ++i)
                bytes_[end_++ % kSize] = static_cast<char>((line.start << kLengthBits | line.length) >> 8 * i);
            for (const std::string_view part : parts) {
                for (const char character : part.substr(0, line.length)) bytes_[end_++ % kSize] = character;
                line.length -= std::min<std::uint64_t>(line.length, part.size());
            }
        }
        // The first line that ends past `position`.
        Place find(std::uint64_t position) const {
            Place place = place_at(begin_);
            while (place.at != end_ && place.line.end() <= position) place = after(place);
            return place;
        }
        Place after(const Place& place) const { return place_at(place.at + kWordBytes + place.line.length); }
        std::size_t copy(const Place& place, std::size_t skipped, std::span<char> out) const {
            const std::size_t length = std::min<std::size_t>(place.line.length - skipped, out.size());
            for (std::size_t i = 0; i < length; ++i) out[i] = bytes_[(place.at + kWordBytes + skipped + i) % kSize];
            return length;
        }

      private:
        static constexpr unsigned kWordBytes = 8, kLengthBits = 16;
        static_assert(kLongest < 1 << kLengthBits && kWordBytes + kLongest <= kSize);

        Line line_at(std::uint64_t at) const {
            std::uint64_t word = 0;
            for (unsigned i = 0; i < kWordBytes; ++i)
                word |= std::uint64_t{static_cast<unsigned char>(bytes_[(at + i) % kSize])} << 8 * i;
            return {word >> kLengthBits, word & ((1 << kLengthBits) - 1)};
        }
        Place place_at(std::uint64_t at) const { return {at == end_ ? kNone : line_at(at), at}; }

        std::array<char, kSize> bytes_{};
        std::uint64_t begin_ = 0, end_ = 0;  // bytes ever dropped and ever put in
    };

    Half halves_[2];         // hv's own lines, those about guests
    std::uint64_t end_ = 0;  // bytes of text ever appended
    std::uint64_t cleared_ = 0;
};

}  // namespace hv::x86
