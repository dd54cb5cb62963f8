// Text that waits for a serial port slower than its writers: at 115200 baud a line takes 8 ms. No writer waits here.
// What does not fit is lost (from the port: hv's lines are in the log's ring all the same), counted, and told in its
// place once there is room again.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "hv/base/format.hpp"

namespace hv::x86 {

class SerialOutput {
  public:
    static constexpr std::size_t kSize = 64 * 1024;
    static constexpr std::size_t kNote = 64;  // that so much was lost

    bool empty() const { return first_ == end_; }
    std::uint64_t lost() const { return all_lost_; }  // characters, ever

    // Whether `length` characters would leave `spare` for others; each may be a new line, which takes two.
    bool has_room(std::size_t length, std::size_t spare) const {
        return kSize - (end_ - first_) >= 2 * length + kNote + spare;
    }

    // All of the parts or nothing; "\n" becomes "\r\n".
    void append(std::span<const std::string_view> parts, std::size_t spare) {
        std::size_t length = 0;
        for (const std::string_view part : parts) length += part.size();
        if (!has_room(length, spare)) {
            lost_ += length;
            all_lost_ += length;
            return;
        }
        if (lost_ != 0) {
            char note[48];
            push(format_into(note, "\n({} characters lost)\n", lost_));
            lost_ = 0;
        }
        for (const std::string_view part : parts) push(part);
    }

    // Hands over what `port` takes at once, `most` characters of it: while port.ready(), port.send(character).
    template <class Port>
    void drain(Port& port, std::size_t most) {
        for (; most > 0 && !empty() && port.ready(); --most) port.send(bytes_[first_++ % kSize]);
    }

  private:
    void push(std::string_view text) {
        for (const char character : text) {
            if (character == '\n') bytes_[end_++ % kSize] = '\r';
            bytes_[end_++ % kSize] = character;
        }
    }

    std::array<char, kSize> bytes_{};
    std::uint64_t first_ = 0, end_ = 0;  // characters ever handed over, ever put in
    std::uint64_t lost_ = 0, all_lost_ = 0;
};

}  // namespace hv::x86
