#include "lzo.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>

namespace hvctl {

namespace {

// Every step checks both ends; `ok_` turns false at the first step outside and nothing moves any more.
class Lzo1x {
  public:
    Lzo1x(std::span<const std::byte> input, std::span<std::byte> output) : input_{input}, output_{output} {}

    bool run() {
        start();
        while (ok_ && !ended_) step();
        return ok_ && written_ == output_.size();
    }

  private:
    std::size_t byte() {
        if (read_ >= input_.size()) {
            ok_ = false;
            return 0;
        }
        return std::to_integer<std::size_t>(input_[read_++]);
    }

    // A length of zero in its field continues in bytes: 255 for each zero byte, then the last one.
    std::size_t length(std::size_t field, std::size_t full) {
        if (field != 0) return field;
        std::size_t sum = full;
        std::size_t next = byte();
        while (ok_ && next == 0) {
            sum += 255;
            next = byte();
        }
        return sum + next;
    }

    void literals(std::size_t count) {
        if (count > input_.size() - read_ || count > output_.size() - written_) {
            ok_ = false;
            return;
        }
        std::memcpy(output_.data() + written_, input_.data() + read_, count);
        read_ += count;
        written_ += count;
    }

    // Source and destination may overlap, which repeats a pattern.
    void match(std::size_t distance, std::size_t count) {
        if (!ok_ || distance > written_ || count > output_.size() - written_) {
            ok_ = false;
            return;
        }
        for (; count > 0; --count, ++written_) output_[written_] = output_[written_ - distance];
    }

    // The literals that follow a match; their count decides how the next short instruction is read.
    void trailing(std::size_t count) {
        if (ok_) literals(count);
        state_ = count;
    }

    void start() {
        if (input_.empty() || std::to_integer<unsigned>(input_[0]) <= 17) return;
        const std::size_t count = byte() - 17;
        literals(count);
        state_ = std::min<std::size_t>(count, kAfterRun);
    }

    void step() {
        const std::size_t code = byte();
        if (!ok_) return;
        if (code >= 64) {
            const std::size_t count = code >= 128 ? 5 + (code >> 5 & 3) : 3 + (code >> 5 & 1);
            match((byte() << 3) + (code >> 2 & 7) + 1, count);
            trailing(code & 3);
        } else if (code >= 32) {
            const std::size_t count = 2 + length(code & 31, 31);
            const std::size_t word = little_word();
            match((word >> 2) + 1, count);
            trailing(word & 3);
        } else if (code >= 16) {
            far_match(code);
        } else {
            short_code(code);
        }
    }

    void far_match(std::size_t code) {
        const std::size_t count = 2 + length(code & 7, 7);
        const std::size_t word = little_word();
        const std::size_t distance = ((code & 8) << 11) + (word >> 2);
        if (distance == 0) {
            ended_ = true;
            return;
        }
        match(distance + 0x4000, count);
        trailing(word & 3);
    }

    void short_code(std::size_t code) {
        if (state_ == 0) {
            const std::size_t count = 3 + length(code, 15);
            if (ok_) literals(count);
            state_ = kAfterRun;
            return;
        }
        const std::size_t distance = (byte() << 2) + (code >> 2);
        if (state_ == kAfterRun) {
            match(distance + 0x801, 3);
        } else {
            match(distance + 1, 2);
        }
        trailing(code & 3);
    }

    std::size_t little_word() {
        const std::size_t low = byte();
        return low | byte() << 8;
    }

    static constexpr std::size_t kAfterRun = 4;  // the state after a run of four literals or more

    std::span<const std::byte> input_;
    std::span<std::byte> output_;
    std::size_t read_ = 0;
    std::size_t written_ = 0;
    std::size_t state_ = 0;
    bool ok_ = true;
    bool ended_ = false;
};

}  // namespace

Result<void> decompress_lzo1x(std::span<const std::byte> input, std::span<std::byte> output) {
    if (Lzo1x{input, output}.run()) return {};
    return fail(ErrorCode::Corrupt, "the kernel's lzo data is corrupt or truncated");
}

}  // namespace hvctl
