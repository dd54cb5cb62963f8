// Where the output goes, and what it may look like there.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace hvctl::cli {

enum class Colour { None, Bold, Dim, Red, Green, Yellow };

struct Terminal {
    bool is_tty = false;
    bool colours = false;
    std::size_t width = 80;  // columns; only meaningful on a terminal

    // Looks at a file descriptor and the environment (NO_COLOR, TERM=dumb, COLUMNS).
    static Terminal of(int descriptor, bool colours_wanted);

    std::string paint(std::string_view text, Colour colour) const;
};

// Whether this process may use the terminal without being stopped: false only for a job in the background of it.
bool in_foreground(int descriptor);

// Text from a guest or a log, made safe for an operator's terminal: lines, tabs and colours stay, all else that could
// drive the terminal (moving, titles, queries that the terminal would answer into the shell) goes. Meant for whole
// texts: a sequence that is cut at the end is dropped.
std::string safe_for_terminal(std::string_view text);

}  // namespace hvctl::cli
