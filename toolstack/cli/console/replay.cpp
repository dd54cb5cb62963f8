#include "console/replay.hpp"

#include <algorithm>

namespace hvctl::cli {
namespace {

constexpr char kEscape = 0x1b;
constexpr char kEnquiry = 0x05;
constexpr std::size_t kLongestSequence = 64;

// Of a complete control sequence ("ESC [ ... letter"): device status and attributes, window reports, mode requests.
bool asks(std::string_view sequence) {
    const char letter = sequence.back();
    return letter == 'n' || letter == 'c' || letter == 't' ||
           (letter == 'p' && sequence.find('$') != std::string_view::npos);
}

}  // namespace

void Replay::take(char byte, std::string& out) {
    if (sequence_.empty()) {
        if (byte == kEscape) {
            sequence_ += byte;
        } else if (byte != kEnquiry) {
            out += byte;
        }
        return;
    }
    sequence_ += byte;
    const bool control = sequence_[1] == '[';
    const bool complete = !control || (sequence_.size() > 2 && byte >= '@' && byte <= '~');
    if (!complete && byte >= ' ' && sequence_.size() < kLongestSequence) return;
    const bool question = control ? complete && asks(sequence_) : byte == 'Z';
    if (!question) out += sequence_;
    sequence_.clear();
}

std::string Replay::next(std::string_view piece) {
    const std::size_t old = static_cast<std::size_t>(std::min<std::uint64_t>(left_, piece.size()));
    left_ -= old;
    std::string out;
    for (const char byte : piece.substr(0, old)) take(byte, out);
    if (left_ == 0) {
        out += sequence_;
        sequence_.clear();
    }
    return out.append(piece.substr(old));
}

}  // namespace hvctl::cli
