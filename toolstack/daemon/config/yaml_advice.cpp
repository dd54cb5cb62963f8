#include "config/yaml_advice.hpp"

#include <fmt/format.h>
#include <yaml-cpp/exceptions.h>

#include <algorithm>
#include <utility>

namespace hvctld::config {
namespace {

namespace Words = YAML::ErrorMsg;

constexpr std::uint32_t kEscapeBytes = 2;

std::string_view without_indentation(std::string_view line) {
    return line.substr(indentation(line));
}

bool has_key(std::string_view line) {
    return line.find(": ") != std::string_view::npos || line.ends_with(':');
}

// The nearest line up to `last` that is indented with a tab, 0 without one.
std::uint32_t line_with_tab(const SourceText& file, std::uint32_t last) {
    for (std::uint32_t number = last; number >= 1; number = file.line_above(number)) {
        const std::string_view line = file.line(number);
        if (line.substr(0, indentation(line)).find('\t') != std::string_view::npos) return number;
    }
    return 0;
}

Position at_text_of(const SourceText& file, std::uint32_t line) {
    return {file.source(), line, static_cast<std::uint32_t>(indentation(file.line(line)) + 1)};
}

std::string no_colon(std::string_view line) {
    const std::string_view text = without_indentation(line);
    if (text.find('=') != std::string_view::npos)
        return "no \": \" between key and value; write \": \" in place of \"=\"";
    if (text.find(':') != std::string_view::npos) return "no blank after the \":\"; write for example \"name: web1\"";
    return "no \": \" between key and value; write for example \"name: web1\"";
}

// A ":" where none can be.
void explain_colon(const SourceText& file, const Position& where, Diagnostics& diagnostics) {
    const std::string_view line = file.line(where.line);
    const std::string_view before = line.substr(0, std::min<std::size_t>(where.column - 1, line.size()));
    if (has_key(before)) {
        return diagnostics.error(where, "a second \": \" in one line; put a value that has one in it into quotes");
    }
    const std::uint32_t above = file.line_above(where.line);
    if (above != 0 && !has_key(file.line(above)))
        return diagnostics.error(at_text_of(file, above), no_colon(file.line(above)));
    if (above != 0 && indentation(line) > indentation(file.line(above))) {
        return diagnostics.error(at_text_of(file, where.line),
                                 "this line is indented more than the one above, which has its value already; begin it "
                                 "in the same column");
    }
    diagnostics.error(where, "a \":\" that belongs to no key; put text that has one in it into quotes");
}

// Something that does not go on with the map or list that is open.
void explain_stray(const SourceText& file, const Position& where, Diagnostics& diagnostics) {
    const std::string_view line = file.line(where.line);
    if (where.column - 1 > indentation(line)) {
        return diagnostics.error(where, "text after the end of a value; put the whole value into one pair of quotes");
    }
    if (without_indentation(line).starts_with("- "))
        return diagnostics.error(where, "a list entry (\"- \") among keys; put it under the key that it belongs to");
    diagnostics.error(where, "no line above begins in this column; begin it where the keys that it belongs to begin");
}

void explain_bracket(const std::string& words, const Position& where, const std::optional<OpenBracket>& open,
                     Diagnostics& diagnostics) {
    if (!open) return diagnostics.error(where, "this bracket closes nothing; remove it, or put the value into quotes");
    const char closing = open->sign == '[' ? ']' : '}';
    if (words == Words::FLOW_END) {
        return diagnostics.error(where, fmt::format("this bracket does not close the \"{}\" of {}:{}; write \"{}\"",
                                                    open->sign, open->position.line, open->position.column, closing));
    }
    const Position& opened = open->position;
    // At the end of a file without a last line break, the parser names the bracket itself.
    if (std::pair{where.line, where.column} <= std::pair{opened.line, opened.column}) {
        return diagnostics.error(opened,
                                 fmt::format("this \"{}\" is not closed; its \"{}\" is missing", open->sign, closing));
    }
    diagnostics.error(opened, fmt::format("this \"{}\" is not closed: at {}:{}, a \",\" or its \"{}\" is missing",
                                          open->sign, where.line, where.column, closing));
}

// Words that always mean the same.
std::string_view in_our_words(const std::string& words) {
    const auto is = [&](const char* known) { return words.starts_with(known); };
    if (is(Words::BLOCK_ENTRY)) return "a list entry (\"- \") cannot begin here; begin it on a line of its own";
    if (is(Words::UNKNOWN_ANCHOR) || is(Words::ALIAS_NOT_FOUND) || is(Words::CHAR_IN_ALIAS))
        return "\"*\" names an anchor that is not there; put a value that begins with \"*\" into quotes";
    if (is(Words::ANCHOR_NOT_FOUND) || is(Words::CHAR_IN_ANCHOR))
        return "\"&\" begins the name of an anchor; put a value that begins with \"&\" into quotes";
    if (is(Words::INVALID_ESCAPE) || is(Words::INVALID_HEX) || is(Words::INVALID_UNICODE))
        return "no such escape in double quotes; write \"\\\\\" for a backslash, or take single quotes";
    if (is(Words::EOF_IN_SCALAR) || is(Words::DOC_IN_SCALAR)) return "the quotes are not closed before this";
    if (is(Words::CHAR_IN_BLOCK) || is(Words::ZERO_INDENT_IN_BLOCK))
        return "only \"-\" or \"+\" may follow the \"|\" or \">\" of a text of several lines";
    if (is(Words::TAG_WITH_NO_SUFFIX) || is(Words::CHAR_IN_TAG_HANDLE) || is(Words::END_OF_VERBATIM_TAG))
        return "\"!\" begins a tag, and tags are not taken; put a value that begins with \"!\" into quotes";
    if (is(Words::YAML_DIRECTIVE_ARGS) || is(Words::YAML_VERSION) || is(Words::YAML_MAJOR_VERSION) ||
        is(Words::REPEATED_YAML_DIRECTIVE) || is(Words::TAG_DIRECTIVE_ARGS) || is(Words::REPEATED_TAG_DIRECTIVE))
        return "\"%\" begins a directive, which no file here needs; leave the line out";
    return {};
}

}  // namespace

void explain_yaml_error(const SourceText& file, const std::string& words, const Position& where,
                        const std::optional<OpenBracket>& open, Diagnostics& diagnostics) {
    if (const std::uint32_t tab = line_with_tab(file, where.line); tab != 0)
        return diagnostics.error({file.source(), tab, 1}, "a tab in the indentation; YAML indents with blanks only");
    if (words == Words::END_OF_MAP_FLOW || words == Words::END_OF_SEQ_FLOW || words == Words::FLOW_END)
        return explain_bracket(words, where, open, diagnostics);
    if (words == Words::MAP_VALUE) return explain_colon(file, where, diagnostics);
    if (words == Words::END_OF_MAP || words == Words::END_OF_SEQ) return explain_stray(file, where, diagnostics);
    if (const std::string_view known = in_our_words(words); !known.empty()) {
        Position position = where;
        // The parser's mark is after the backslash and the character that means nothing.
        if (words.starts_with(Words::INVALID_ESCAPE) && position.column > kEscapeBytes) position.column -= kEscapeBytes;
        return diagnostics.error(position, known);
    }
    if (words == Words::UNKNOWN_TOKEN) {
        return diagnostics.error(where, fmt::format("a value cannot begin with \"{}\"; put it into quotes",
                                                    file.rest_of_line(where).substr(0, 1)));
    }
    diagnostics.error(where, fmt::format("not YAML: {}", words));
}

void explain_second_document(const SourceText& file, const Position& where, Diagnostics& diagnostics) {
    const std::uint32_t above = file.line_above(where.line);
    const bool marked = file.line(where.line).starts_with("---") || file.line(above).starts_with("---") ||
                        file.line(above).starts_with("...");
    if (marked) {
        return diagnostics.error(where,
                                 "a second document (\"---\"): a file holds one; put the other into a file of its own");
    }
    diagnostics.error(where, "this line is indented less than the ones above; begin all keys in the same column");
}

void explain_plain_text(const SourceText& file, const Position& where, std::string_view what,
                        Diagnostics& diagnostics) {
    const std::string_view line = without_indentation(file.line(where.line));
    if (line.starts_with('<')) {
        return diagnostics.error(
            where, fmt::format("this looks like XML; {} is YAML, with lines such as \"name: web1\"", what));
    }
    if (line.find(':') != std::string_view::npos) return diagnostics.error(where, no_colon(line));
    diagnostics.error(where, fmt::format("{} is a map, with lines such as \"name: web1\", not plain text", what));
}

bool quotes_close(const SourceText& file, const Position& where) {
    const std::string_view text = file.rest_of_text(where);
    if (text.empty() || (text.front() != '"' && text.front() != '\'')) return true;
    for (std::size_t i = 1; i < text.size(); ++i) {
        if (text.front() == '"' && text[i] == '\\') {
            ++i;
        } else if (text[i] == text.front()) {
            return true;  // a doubled single quote is closed and opened again
        }
    }
    return false;
}

}  // namespace hvctld::config
