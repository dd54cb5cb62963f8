// Lists of CPUs as people write them ("0-3,^2"): reading and writing.
#include <fmt/format.h>

#include <bitset>

#include "config/values.hpp"

namespace hvctld::config {
namespace {

struct Range {
    std::uint32_t first, last;
};

Parsed<Range> parse_range(std::string_view text) {
    const std::size_t dash = text.find('-');
    const auto first = parse_number(text.substr(0, dash), 0, kMaxCpus - 1);
    if (!first) return std::unexpected(first.error());
    if (dash == std::string_view::npos)
        return Range{static_cast<std::uint32_t>(*first), static_cast<std::uint32_t>(*first)};
    const auto last = parse_number(text.substr(dash + 1), 0, kMaxCpus - 1);
    if (!last) return std::unexpected(last.error());
    if (*last < *first) return std::unexpected(fmt::format("the range {} runs backwards", text));
    return Range{static_cast<std::uint32_t>(*first), static_cast<std::uint32_t>(*last)};
}

constexpr std::size_t kMostBytes = 64 * 1024;  // each CPU named twice, alone

using CpuSet = std::bitset<kMaxCpus>;

// However many ranges overlap, each costs a few words.
CpuSet cpus_of(const Range& range) {
    CpuSet set;
    set.set();
    return set >> (kMaxCpus - 1 - (range.last - range.first)) << range.first;
}

}  // namespace

Parsed<CpuList> parse_cpu_list(std::string_view text) {
    CpuList list;
    if (text.size() > kMostBytes)
        return std::unexpected(fmt::format("a list of CPUs of {} bytes; {} are the most", text.size(), kMostBytes));
    CpuSet chosen;
    CpuSet excluded;
    std::string_view rest = text;
    for (bool more = true; more;) {
        const std::size_t comma = rest.find(',');
        more = comma != std::string_view::npos;
        std::string_view part = rest.substr(0, comma);
        if (more) rest.remove_prefix(comma + 1);
        while (part.starts_with(' ')) part.remove_prefix(1);
        while (part.ends_with(' ')) part.remove_suffix(1);
        if (part == "all") {
            list.all = true;
            continue;
        }
        const bool exclude = part.starts_with('^');
        if (exclude) part.remove_prefix(1);
        const auto range = parse_range(part);
        if (!range) {
            return std::unexpected(fmt::format("\"{}\" is not a list of CPUs such as 0-3,^2: {}", text, range.error()));
        }
        (exclude ? excluded : chosen) |= cpus_of(*range);
    }
    if (list.all && excluded.any()) {
        list.all = false;
        chosen.set();
    }
    chosen &= ~excluded;
    if (!list.all && chosen.none()) return std::unexpected(fmt::format("\"{}\" leaves no CPU", text));
    for (std::uint32_t cpu = 0; !list.all && cpu < kMaxCpus; ++cpu) {
        if (chosen[cpu]) list.cpus.push_back(cpu);
    }
    return list;
}

std::string format_cpu_list(const CpuList& list) {
    if (list.all) return "all";
    std::string text;
    for (std::size_t i = 0; i < list.cpus.size();) {
        std::size_t end = i;
        while (end + 1 < list.cpus.size() && list.cpus[end + 1] == list.cpus[end] + 1) ++end;
        if (!text.empty()) text += ',';
        text += end == i ? fmt::format("{}", list.cpus[i]) : fmt::format("{}-{}", list.cpus[i], list.cpus[end]);
        i = end + 1;
    }
    return text;
}

}  // namespace hvctld::config
