#include "config/values.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <optional>

namespace hvctld::config {
namespace {

struct Unit {
    std::string_view name;
    std::uint64_t factor;
};

constexpr std::array kSizes{Unit{"TiB", 1ull << 40}, Unit{"GiB", 1ull << 30}, Unit{"MiB", 1ull << 20},
                            Unit{"KiB", 1ull << 10}, Unit{"B", 1}};
constexpr std::array kTimes{Unit{"h", 3600}, Unit{"min", 60}, Unit{"s", 1}};

std::optional<std::uint64_t> whole_number(std::string_view text) {
    std::uint64_t value = 0;
    const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (problem != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return value;
}

// The digits in front and what follows them, blanks between the two left out.
std::pair<std::string_view, std::string_view> split_unit(std::string_view text) {
    const std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
    std::string_view unit = text.substr(digits);
    unit.remove_prefix(std::min(unit.find_first_not_of(' '), unit.size()));
    return {text.substr(0, digits), unit};
}

// "1.5GiB": the digits after the point, and what a person who wrote that has to write.
std::optional<std::string> in_whole_numbers(std::uint64_t whole, std::string_view rest) {
    constexpr std::size_t kMostDigits = 9;
    if (rest.empty() || (rest.front() != '.' && rest.front() != ',')) return std::nullopt;
    rest.remove_prefix(1);
    const auto [digits, unit] = split_unit(rest);
    const auto fraction = whole_number(digits);
    const auto* found = std::ranges::find(kSizes, unit, &Unit::name);
    if (!fraction || digits.size() > kMostDigits || found == kSizes.end() || found->factor == 1) return std::nullopt;
    std::uint64_t scale = 1;
    for (std::size_t i = 0; i < digits.size(); ++i) scale *= 10;
    const std::uint64_t smaller = found->factor / 1024;  // the next smaller unit, in which it comes out nearly right
    if (whole > std::numeric_limits<std::uint64_t>::max() / found->factor / 2) return std::nullopt;
    const std::uint64_t count = whole * 1024 + *fraction * 1024 / scale;
    return format_size(count * smaller);
}

}  // namespace

Parsed<std::uint64_t> parse_size(std::string_view text) {
    const auto [digits, unit] = split_unit(text);
    const auto number = whole_number(digits);
    if (!number) return std::unexpected(fmt::format("\"{}\" is not a size; write for example 256MiB", text));
    if (unit.empty()) {
        return std::unexpected(
            fmt::format("the size {} has no unit; write {}MiB, or KiB, GiB, TiB, as it is meant", text, text));
    }
    if (const auto whole = in_whole_numbers(*number, unit))
        return std::unexpected(fmt::format("{} is not a whole number of a unit; write {}", text, *whole));
    const auto* found = std::ranges::find(kSizes, unit, &Unit::name);
    if (found == kSizes.end()) {
        return std::unexpected(
            fmt::format("\"{}\" is not a unit of size; write B, KiB, MiB, GiB or TiB (1KiB is 1024 bytes)", unit));
    }
    if (*number > std::numeric_limits<std::uint64_t>::max() / found->factor)
        return std::unexpected(fmt::format("{} does not fit in 64 bits", text));
    return *number * found->factor;
}

std::string format_size(std::uint64_t bytes) {
    for (const Unit& unit : kSizes) {
        if (bytes != 0 && bytes % unit.factor == 0) return fmt::format("{}{}", bytes / unit.factor, unit.name);
    }
    return "0B";
}

Parsed<std::uint32_t> parse_percent(std::string_view text, std::uint32_t most) {
    const auto [digits, unit] = split_unit(text);
    const auto number = whole_number(digits);
    if (!number || unit != "%")
        return std::unexpected(
            fmt::format("\"{}\" is not a share; write for example 150% for one and a half CPUs", text));
    if (*number > most) return std::unexpected(fmt::format("{} is more than {}%", text, most));
    return static_cast<std::uint32_t>(*number);
}

Parsed<std::uint32_t> parse_seconds(std::string_view text) {
    const auto [digits, unit] = split_unit(text);
    const auto number = whole_number(digits);
    const auto* found = std::ranges::find(kTimes, unit, &Unit::name);
    if (!number || found == kTimes.end())
        return std::unexpected(fmt::format("\"{}\" is not a time; write for example 30s, 10min or 2h", text));
    if (*number > std::numeric_limits<std::int32_t>::max() / found->factor)
        return std::unexpected(fmt::format("{} is too long", text));
    return static_cast<std::uint32_t>(*number * found->factor);
}

std::string format_seconds(std::uint32_t seconds) {
    for (const Unit& unit : kTimes) {
        if (seconds != 0 && seconds % unit.factor == 0) return fmt::format("{}{}", seconds / unit.factor, unit.name);
    }
    return "0s";
}

Parsed<std::uint64_t> parse_number(std::string_view text, std::uint64_t least, std::uint64_t most) {
    const auto number = whole_number(text);
    if (!number) return std::unexpected(fmt::format("\"{}\" is not a whole number", text));
    if (*number < least || *number > most)
        return std::unexpected(fmt::format("{} is out of range; it must be {} to {}", text, least, most));
    return *number;
}

Parsed<bool> parse_boolean(std::string_view text) {
    if (text == "true") return true;
    if (text == "false") return false;
    // What other YAML readers, and people, take for one.
    constexpr std::array<std::string_view, 5> kYes{"yes", "on", "1", "True", "TRUE"};
    constexpr std::array<std::string_view, 5> kNo{"no", "off", "0", "False", "FALSE"};
    const bool yes = std::ranges::find(kYes, text) != kYes.end();
    const bool no = std::ranges::find(kNo, text) != kNo.end();
    return std::unexpected(fmt::format("\"{}\" is neither true nor false{}", text,
                                       yes  ? "; write true"
                                       : no ? "; write false"
                                            : ""));
}

std::string problem_with_name(std::string_view name) {
    constexpr std::size_t kLongest = 63;
    if (name.empty()) return "a name cannot be empty";
    if (name.size() > kLongest)
        return fmt::format("the name has {} characters; {} are the most", name.size(), kLongest);
    const auto allowed = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
               c == '-' || c == '+';
    };
    if (!std::ranges::all_of(name, allowed))
        return fmt::format("\"{}\" is not a name: letters, digits, '.', '_', '-' and '+' make one", name);
    if (name.front() == '.' || name.front() == '-') return fmt::format("a name cannot begin with '{}'", name.front());
    if (whole_number(name) || std::ranges::all_of(name, [](char c) { return c >= '0' && c <= '9'; }))
        return fmt::format("\"{}\" cannot be a name: digits alone would be a domain identifier", name);
    if (parse_uuid(name)) return fmt::format("\"{}\" cannot be a name: it is a UUID", name);
    if (name == "Domain-0") return "Domain-0 is the host's own domain";
    return {};
}

std::uint64_t stable_hash(std::string_view text) {
    std::uint64_t hash = 0xcbf29ce484222325;
    for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
    return hash ^ hash >> 32;
}

Parsed<std::string> parse_uuid(std::string_view text) {
    std::string result;
    for (const char c : text) {
        const bool dash_expected =
            result.size() == 8 || result.size() == 13 || result.size() == 18 || result.size() == 23;
        const char lower = c >= 'A' && c <= 'F' ? static_cast<char>(c - 'A' + 'a') : c;
        const bool hex = (lower >= '0' && lower <= '9') || (lower >= 'a' && lower <= 'f');
        if (result.size() == 36 || (dash_expected ? c != '-' : !hex)) {
            result.clear();
            break;
        }
        result += lower;
    }
    if (result.size() != 36) {
        return std::unexpected(fmt::format("\"{}\" is not a UUID such as 6fa0c2f4-90ab-4c5e-8d07-1d2e3f405162", text));
    }
    return result;
}

}  // namespace hvctld::config
