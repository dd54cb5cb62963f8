#include "terminal.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "text.hpp"

namespace hvctl::cli {
namespace {

constexpr char kEscape = '\x1b';

const char* sequence_of(Colour colour) {
    switch (colour) {
        case Colour::None: return "";
        case Colour::Bold: return "\x1b[1m";
        case Colour::Dim: return "\x1b[2m";
        case Colour::Red: return "\x1b[31m";
        case Colour::Green: return "\x1b[32m";
        case Colour::Yellow: return "\x1b[33m";
    }
    return "";
}

bool set_in_environment(const char* name) {
    const char* value = std::getenv(name);
    return value != nullptr && *value != '\0';
}

// Bytes of the escape sequence that `text` starts with.
std::size_t escape_length(std::string_view text) {
    if (text.size() < 2) return text.size();
    if (text[1] == '[') {
        std::size_t end = 2;
        while (end < text.size() && (text[end] < '@' || text[end] > '~')) ++end;
        return std::min(end + 1, text.size());
    }
    if (std::string_view("]P^_X").find(text[1]) != std::string_view::npos) {  // strings up to BEL or ESC backslash
        for (std::size_t end = 2; end < text.size(); ++end) {
            if (text[end] == '\a') return end + 1;
            if (text[end] == kEscape && end + 1 < text.size() && text[end + 1] == '\\') return end + 2;
            if (text[end] == '\n') return end;  // unterminated: do not swallow the rest of the log
        }
        return text.size();
    }
    return std::string_view("()#%").find(text[1]) != std::string_view::npos ? std::min<std::size_t>(3, text.size()) : 2;
}

bool is_colour(std::string_view sequence) {
    if (sequence.size() < 3 || sequence[1] != '[' || sequence.back() != 'm') return false;
    return sequence.substr(2, sequence.size() - 3).find_first_not_of("0123456789;") == std::string_view::npos;
}

// Narrower terminals get what is made for this one, and break it as they like.
constexpr std::size_t kLeastWidth = 20;

}  // namespace

Terminal Terminal::of(int descriptor, bool colours_wanted) {
    Terminal terminal;
    terminal.is_tty = isatty(descriptor) == 1;
    const char* type = std::getenv("TERM");
    bool dumb = type == nullptr || std::string_view(type) == "dumb";
    terminal.colours = terminal.is_tty && colours_wanted && !dumb && !set_in_environment("NO_COLOR");
    winsize size{};
    if (terminal.is_tty && ioctl(descriptor, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
        terminal.width = std::max<std::size_t>(size.ws_col, kLeastWidth);
    } else if (const char* columns = std::getenv("COLUMNS")) {
        terminal.width =
            static_cast<std::size_t>(std::clamp<std::uint64_t>(parse_number(columns).value_or(80), kLeastWidth, 1000));
    }
    return terminal;
}

bool in_foreground(int descriptor) {
    const pid_t group = tcgetpgrp(descriptor);
    return group < 0 || group == getpgrp();  // a terminal that does not control this process does not stop it
}

std::string Terminal::paint(std::string_view text, Colour colour) const {
    if (!colours || colour == Colour::None) return std::string(text);
    return std::string(sequence_of(colour)).append(text).append("\x1b[0m");
}

std::string safe_for_terminal(std::string_view text) {
    std::string out;
    bool coloured = false;
    while (!text.empty()) {
        char byte = text.front();
        if (byte == kEscape) {
            std::string_view sequence = text.substr(0, escape_length(text));
            if (is_colour(sequence)) {
                out += sequence;
                coloured = true;
            }
            text.remove_prefix(sequence.size());
            continue;
        }
        Character character = first_character(text);
        bool c1 = character.code >= 0x7f && character.code < 0xa0;
        if (character.code >= 0x20 ? !c1 : byte == '\n' || byte == '\t') {
            // A malformed byte may be an 8-bit control: show the replacement character instead.
            if (character.code == 0xfffd)
                out += "\xef\xbf\xbd";
            else
                out += text.substr(0, character.bytes);
        }
        text.remove_prefix(character.bytes);
    }
    return coloured ? out + "\x1b[0m" : out;
}

}  // namespace hvctl::cli
