#include "config/source_text.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace hvctld::config {
namespace {

constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

// Bytes of the well-formed UTF-8 character at the front (RFC 3629, section 4), 0 if there is none.
std::size_t character_bytes(std::string_view text) {
    const auto byte = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u; };
    const auto follows = [&](std::size_t i, unsigned least = 0x80, unsigned most = 0xbf) {
        return byte(i) >= least && byte(i) <= most;
    };
    const unsigned lead = byte(0);
    if (lead < 0x80) return 1;
    if (lead >= 0xc2 && lead <= 0xdf) return follows(1) ? 2 : 0;
    if (lead >= 0xe0 && lead <= 0xef)
        return follows(1, lead == 0xe0 ? 0xa0 : 0x80, lead == 0xed ? 0x9f : 0xbf) && follows(2) ? 3 : 0;
    if (lead >= 0xf0 && lead <= 0xf4)
        return follows(1, lead == 0xf0 ? 0x90 : 0x80, lead == 0xf4 ? 0x8f : 0xbf) && follows(2) && follows(3) ? 4 : 0;
    return 0;
}

std::string problem_at(std::string_view text, std::size_t bytes) {
    const auto first = static_cast<unsigned char>(text.front());
    if (bytes == 0)
        return fmt::format("the byte 0x{:02x} is not UTF-8 text; a domain file is text, saved as UTF-8", first);
    if (first == '\r' && !text.starts_with("\r\n"))
        return "a carriage return alone does not end a line; save the file with line feeds (LF or CR LF)";
    const bool blank = first == '\t' || first == '\n' || first == '\r';
    // U+0080 to U+009F are the controls beyond ASCII.
    const bool control = (first < 0x20 && !blank) || first == 0x7f ||
                         (bytes == 2 && first == 0xc2 && static_cast<unsigned char>(text[1]) < 0xa0);
    if (!control) return {};
    return fmt::format("a control character (0x{:02x}) has no place in a text; remove it",
                       static_cast<unsigned char>(text[bytes - 1]));
}

}  // namespace

SourceText::SourceText(std::string_view text, std::string source) : original_{text}, source_{std::move(source)} {
    text_.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '\r' || i + 1 == text.size() || text[i + 1] != '\n') text_ += text[i];
    }
    std::string_view rest = text_;
    if (rest.starts_with(kByteOrderMark)) rest.remove_prefix(kByteOrderMark.size());
    while (!rest.empty()) {
        const std::size_t end = std::min(rest.find('\n'), rest.size());
        lines_.push_back(rest.substr(0, end));
        rest.remove_prefix(std::min(end + 1, rest.size()));
    }
}

bool SourceText::check(Diagnostics& diagnostics) const {
    std::string_view rest = original_;
    if (rest.starts_with("\xff\xfe") || rest.starts_with("\xfe\xff")) {
        diagnostics.error({source_, 1, 1}, "the file is in UTF-16; save it as UTF-8");
        return false;
    }
    Position position{source_, 1, 1};
    if (rest.starts_with(kByteOrderMark)) rest.remove_prefix(kByteOrderMark.size());
    while (!rest.empty()) {
        const std::size_t bytes = character_bytes(rest);
        if (const std::string problem = problem_at(rest, bytes); !problem.empty()) {
            diagnostics.error(position, problem);
            return false;
        }
        ++position.column;
        if (rest.front() == '\n') {
            ++position.line;
            position.column = 1;
        }
        rest.remove_prefix(bytes);
    }
    return true;
}

std::string_view SourceText::line(std::uint32_t number) const {
    return number >= 1 && number <= lines_.size() ? lines_[number - 1] : std::string_view{};
}

std::uint32_t SourceText::line_above(std::uint32_t number) const {
    for (std::uint32_t above = number; above-- > 1;) {
        const std::string_view text = line(above);
        const std::size_t begin = indentation(text);
        if (begin < text.size() && text[begin] != '#') return above;
    }
    return 0;
}

std::string_view SourceText::rest_of_line(const Position& position) const {
    const std::string_view text = line(position.line);
    return position.column >= 1 && position.column <= text.size() ? text.substr(position.column - 1)
                                                                  : std::string_view{};
}

std::string_view SourceText::rest_of_text(const Position& position) const {
    const std::string_view begin = rest_of_line(position);
    if (begin.empty()) return {};
    return std::string_view{text_}.substr(static_cast<std::size_t>(begin.data() - text_.data()));
}

std::size_t indentation(std::string_view line) {
    return std::min(line.find_first_not_of(" \t"), line.size());
}

}  // namespace hvctld::config
