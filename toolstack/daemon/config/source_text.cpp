#include "config/source_text.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/utf8.hpp"

namespace hvctld::config {
namespace {

constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

std::string problem_at(std::string_view text, Character character) {
    const auto first = static_cast<unsigned char>(text.front());
    if (character.bytes == 0)
        return fmt::format("the byte 0x{:02x} is not UTF-8 text; a domain file is text, saved as UTF-8", first);
    if (first == '\r' && !text.starts_with("\r\n"))
        return "a carriage return alone does not end a line; save the file with line feeds (LF or CR LF)";
    const char32_t code = character.code;
    const bool blank = code == '\t' || code == '\n' || code == '\r';
    const bool control = (code < 0x20 && !blank) || (code >= 0x7f && code < 0xa0);
    if (!control) return {};
    return fmt::format("a control character (0x{:02x}) has no place in a text; remove it",
                       static_cast<std::uint32_t>(code));
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
        const Character character = first_character(rest);
        if (const std::string problem = problem_at(rest, character); !problem.empty()) {
            diagnostics.error(position, problem);
            return false;
        }
        ++position.column;
        if (rest.front() == '\n') {
            ++position.line;
            position.column = 1;
        }
        rest.remove_prefix(character.bytes);
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
