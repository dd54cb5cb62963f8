// Bytes between a terminal (or pipes) and a console stream.
#pragma once

#include <cstdint>

#include "failure.hpp"

namespace hvctl::cli {

inline constexpr char kLeaveKey = 0x1d;  // Ctrl-]

enum class SessionEnd {
    Left,         // the leave key was typed
    Closed,       // the other side has closed the stream
    Interrupted,  // a signal asked the program to end
};

struct SessionPorts {
    int input;          // read for keys; a terminal should be in raw mode
    int output;         // gets what the guest prints
    int stream;         // the console: a stream socket
    bool writable;      // false: keys are read for the leave key only
    std::uint64_t old;  // so many bytes of the stream are from before: the terminal must not answer what they ask
    bool& input_open;   // false once the input has ended; it stays so over a reconnection
};

class RawMode;

// Runs until one of the ends above. The input's end is not an end: what the guest prints is shown on.
Result<SessionEnd> run_session(const SessionPorts& ports, RawMode& terminal);

}  // namespace hvctl::cli
