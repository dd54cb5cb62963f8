// What a console printed before hvctl attached, made fit for being shown again.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace hvctl::cli {

// Programs ask terminals questions (where is the cursor? what are you?), and a terminal's answer is typed into the
// guest. Asked long ago, the guest waits for no answer any more: it would end up in a shell's command line. So the
// questions are taken out of the first `bytes` of a console's output.
class Replay {
  public:
    explicit Replay(std::uint64_t bytes) : left_(bytes) {}

    // The next piece of output, without the questions in what is old.
    std::string next(std::string_view piece);

  private:
    void take(char byte, std::string& out);

    std::uint64_t left_;
    std::string sequence_;  // an escape sequence that is not complete yet
};

}  // namespace hvctl::cli
