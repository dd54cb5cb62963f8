// Scalars of the configuration language: sizes, shares, times, CPU lists, names. Each parser returns the value or a
// message that says what is wrong and what would be right.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

namespace hvctld::config {

template <class T>
using Parsed = std::expected<T, std::string>;

// "256MiB" to bytes: B, KiB, MiB, GiB, TiB. A plain number is refused with a hint.
Parsed<std::uint64_t> parse_size(std::string_view text);
// The shortest exact spelling: 268435456 is "256MiB".
std::string format_size(std::uint64_t bytes);

// "150%" to 150.
Parsed<std::uint32_t> parse_percent(std::string_view text, std::uint32_t most);
// "90s", "10min", "2h" to seconds.
Parsed<std::uint32_t> parse_seconds(std::string_view text);
std::string format_seconds(std::uint32_t seconds);
Parsed<std::uint64_t> parse_number(std::string_view text, std::uint64_t least, std::uint64_t most);
Parsed<bool> parse_boolean(std::string_view text);

inline constexpr std::uint32_t kMaxCpus = 4096;

// "0-3,^2" or "all"; `all` means every CPU that the host has. Sorted, without duplicates.
struct CpuList {
    bool all = false;
    std::vector<std::uint32_t> cpus;
    bool operator==(const CpuList&) const = default;
};
Parsed<CpuList> parse_cpu_list(std::string_view text);
// "0-1,3"
std::string format_cpu_list(const CpuList& list);

// What a domain may be called, "" when `name` is fine: letters, digits, '.', '_', '-', '+', at most 63, not digits
// alone, not the spelling of a UUID.
std::string problem_with_name(std::string_view name);

// The same on each host and in each version: for choices that are to stay (FNV-1a, folded).
std::uint64_t stable_hash(std::string_view text);

// Lower-case canonical form.
Parsed<std::string> parse_uuid(std::string_view text);

}  // namespace hvctld::config
