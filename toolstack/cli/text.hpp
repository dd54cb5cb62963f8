// Text as it appears in a terminal: UTF-8, widths, numbers and units.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hvctl::cli {

bool is_utf8(std::string_view text);

// One character of UTF-8 text; malformed bytes come out one by one as U+FFFD.
struct Character {
    char32_t code = 0;
    std::size_t bytes = 0;
};
Character first_character(std::string_view text);

// Columns that the text takes: combining marks take none, East Asian wide characters take two.
std::size_t display_width(std::string_view text);

// The text, or as much of its beginning as fits into `width` columns and a '~' that tells.
std::string cut(std::string_view text, std::size_t width);

// Breaks text at spaces into lines of at most `width` columns, each line after the first preceded by `indent` spaces.
std::string wrap(std::string_view text, std::size_t width, std::size_t indent);

std::optional<std::uint64_t> parse_number(std::string_view text);

// "20GiB" as a domain file has it: KiB, MiB, GiB or TiB.
std::optional<std::uint64_t> parse_bytes(std::string_view text);
// Memory for people: "256 MiB", "1.5 GiB".
std::string format_bytes(std::uint64_t bytes);
// Seconds with one decimal, from nanoseconds: "12.3".
std::string format_seconds(std::uint64_t nanoseconds);
// A time span for people, from nanoseconds: "3 d 4 h 5 min", "42 s".
std::string format_span(std::uint64_t nanoseconds);

// A time of day for people, from microseconds since 1970; "-" for 0.
std::string format_time(std::uint64_t microseconds);

std::vector<std::string> split_lines(std::string_view text);
std::string join(const std::vector<std::string>& parts, std::string_view separator);

}  // namespace hvctl::cli
