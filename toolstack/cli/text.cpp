#include "text.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <ctime>
#include <limits>

namespace hvctl::cli {
namespace {

struct Range {
    char32_t first, last;
};

// Blocks of combining marks and joiners: they take no column of their own.
constexpr std::array kZeroWidth = {
    Range{0x0300, 0x036f}, Range{0x0483, 0x0489}, Range{0x0591, 0x05bd}, Range{0x0610, 0x061a}, Range{0x064b, 0x065f},
    Range{0x1ab0, 0x1aff}, Range{0x1dc0, 0x1dff}, Range{0x200b, 0x200f}, Range{0x20d0, 0x20ff}, Range{0x2028, 0x202e},
    Range{0x2060, 0x2064}, Range{0xfe00, 0xfe0f}, Range{0xfe20, 0xfe2f}, Range{0xfeff, 0xfeff}};

// Blocks of East Asian wide and emoji characters.
constexpr std::array kWide = {Range{0x1100, 0x115f},   Range{0x2e80, 0x303e},   Range{0x3041, 0xa4cf},
                              Range{0xac00, 0xd7a3},   Range{0xf900, 0xfaff},   Range{0xfe30, 0xfe6f},
                              Range{0xff00, 0xff60},   Range{0xffe0, 0xffe6},   Range{0x1f300, 0x1f64f},
                              Range{0x1f680, 0x1f6ff}, Range{0x1f900, 0x1faff}, Range{0x20000, 0x3fffd}};

bool within(const auto& ranges, char32_t code) {
    return std::ranges::any_of(ranges, [code](Range range) { return code >= range.first && code <= range.last; });
}

constexpr Character kMalformed{0xfffd, 1};

unsigned byte_at(std::string_view text, std::size_t index) {
    return static_cast<unsigned char>(text[index]);
}

std::string with_decimal(double value, const char* unit) {
    std::array<char, 48> buffer{};
    bool whole = value >= 100 || value == static_cast<double>(static_cast<std::uint64_t>(value));
    std::snprintf(buffer.data(), buffer.size(), whole ? "%.0f%s" : "%.1f%s", value, unit);
    return buffer.data();
}

}  // namespace

Character first_character(std::string_view text) {
    unsigned lead = byte_at(text, 0);
    if (lead < 0x80) return {lead, 1};
    std::size_t bytes = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
    if (lead < 0xc2 || lead > 0xf4 || text.size() < bytes) return kMalformed;
    char32_t code = lead & (0x7fu >> bytes);
    for (std::size_t index = 1; index < bytes; ++index) {
        if ((byte_at(text, index) & 0xc0) != 0x80) return kMalformed;
        code = code << 6 | (byte_at(text, index) & 0x3f);
    }
    constexpr std::array<char32_t, 5> kShortest = {0, 0, 0x80, 0x800, 0x10000};
    if (code < kShortest[bytes] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) return kMalformed;
    return {code, bytes};
}

bool is_utf8(std::string_view text) {
    while (!text.empty()) {
        Character character = first_character(text);
        if (character.code == kMalformed.code && character.bytes == kMalformed.bytes) return false;
        text.remove_prefix(character.bytes);
    }
    return true;
}

std::size_t display_width(std::string_view text) {
    std::size_t width = 0;
    while (!text.empty()) {
        Character character = first_character(text);
        if (!within(kZeroWidth, character.code)) width += within(kWide, character.code) ? 2 : 1;
        text.remove_prefix(character.bytes);
    }
    return width;
}

std::string cut(std::string_view text, std::size_t width) {
    if (display_width(text) <= width) return std::string(text);
    std::string out;
    std::size_t columns = 0;
    while (!text.empty()) {
        Character character = first_character(text);
        std::string_view piece = text.substr(0, character.bytes);
        columns += display_width(piece);
        if (columns + 1 > width) break;  // the mark takes the last column
        out += piece;
        text.remove_prefix(character.bytes);
    }
    return width == 0 ? out : out + '~';
}

std::string wrap(std::string_view text, std::size_t width, std::size_t indent) {
    std::string out;
    std::size_t column = indent;
    while (!text.empty()) {
        std::string_view word = text.substr(0, text.find(' '));
        text.remove_prefix(std::min(text.size(), word.size() + 1));
        std::size_t columns = display_width(word);
        if (column > indent && column + 1 + columns > width) {
            out += '\n' + std::string(indent, ' ');
            column = indent;
        } else if (column > indent) {
            out += ' ';
            ++column;
        }
        out += word;
        column += columns;
    }
    return out;
}

std::optional<std::uint64_t> parse_number(std::string_view text) {
    std::uint64_t value = 0;
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size() || text.empty()) return std::nullopt;
    return value;
}

std::optional<std::uint64_t> parse_bytes(std::string_view text) {
    struct Unit {
        std::string_view name;
        unsigned shift;
    };
    constexpr std::array kUnits{Unit{"KiB", 10}, Unit{"MiB", 20}, Unit{"GiB", 30}, Unit{"TiB", 40}};
    for (const Unit& unit : kUnits) {
        if (!text.ends_with(unit.name)) continue;
        const auto number = parse_number(text.substr(0, text.size() - unit.name.size()));
        if (!number || *number > std::numeric_limits<std::uint64_t>::max() >> unit.shift) return std::nullopt;
        return *number << unit.shift;
    }
    return std::nullopt;
}

std::string format_bytes(std::uint64_t bytes) {
    constexpr std::array kUnits = {" B", " KiB", " MiB", " GiB", " TiB", " PiB"};
    auto value = static_cast<double>(bytes);
    std::size_t unit = 0;
    while (value >= 1024 && unit + 1 < kUnits.size()) {
        value /= 1024;
        ++unit;
    }
    return with_decimal(value, kUnits[unit]);
}

std::string format_seconds(std::uint64_t nanoseconds) {
    std::uint64_t tenths = nanoseconds / 100'000'000;
    return std::to_string(tenths / 10) + '.' + std::to_string(tenths % 10);
}

std::string format_span(std::uint64_t nanoseconds) {
    std::uint64_t seconds = nanoseconds / 1'000'000'000;
    if (seconds < 60) return std::to_string(seconds) + " s";
    std::uint64_t minutes = seconds / 60;
    std::string out;
    if (minutes >= 24 * 60) out += std::to_string(minutes / (24 * 60)) + " d ";
    if (minutes >= 60) out += std::to_string(minutes / 60 % 24) + " h ";
    return out + std::to_string(minutes % 60) + " min";
}

std::string format_time(std::uint64_t microseconds) {
    if (microseconds == 0) return "-";
    auto seconds = static_cast<time_t>(microseconds / 1'000'000);
    struct tm parts {};
    std::array<char, 32> buffer{};
    if (localtime_r(&seconds, &parts) == nullptr || strftime(buffer.data(), buffer.size(), "%F %T", &parts) == 0)
        return "-";
    return buffer.data();
}

std::vector<std::string> split_lines(std::string_view text) {
    std::vector<std::string> lines;
    while (!text.empty()) {
        std::string_view line = text.substr(0, text.find('\n'));
        lines.emplace_back(line);
        text.remove_prefix(std::min(text.size(), line.size() + 1));
    }
    return lines;
}

std::string join(const std::vector<std::string>& parts, std::string_view separator) {
    std::string out;
    for (const std::string& part : parts) {
        if (&part != &parts.front()) out += separator;
        out += part;
    }
    return out;
}

}  // namespace hvctl::cli
