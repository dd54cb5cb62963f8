#include "hv/x86/boot/memory_map.hpp"

#include <algorithm>

#include "hv/base/types.hpp"

namespace hv::x86 {
namespace {

unsigned caution(MemoryType type) {
    switch (type) {
        case MemoryType::Ram: return 0;
        case MemoryType::Reserved: return 1;
        case MemoryType::AcpiData: return 2;
        case MemoryType::AcpiNvs: return 3;
        case MemoryType::Unusable: return 4;
    }
    return 4;
}

// The most careful type of all entries that cover [start, end); false when none does.
bool type_at(const MemoryMap& map, std::uint64_t start, std::uint64_t end, MemoryType& type) {
    bool found = false;
    for (const auto& entry : map) {
        if (entry.start > start || entry.end() < end) continue;
        if (!found || caution(entry.type) > caution(type)) type = entry.type;
        found = true;
    }
    return found;
}

}  // namespace

MemoryMap sanitise_memory_map(const MemoryMap& map) {
    // Every border of any entry; between two neighbouring borders the type does not change.
    FixedList<std::uint64_t, 2 * kMaxMemoryMap> borders;
    for (const auto& entry : map) {
        if (entry.size == 0 || entry.end() < entry.start) continue;
        borders.push(entry.start);
        borders.push(entry.end());
    }
    std::sort(borders.begin(), borders.end());
    MemoryMap sane;
    for (std::size_t i = 0; i + 1 < borders.size(); ++i) {
        const std::uint64_t start = borders[i], end = borders[i + 1];
        MemoryType type{};
        if (start == end || !type_at(map, start, end, type)) continue;
        if (!sane.empty()) {
            auto& last = sane[sane.size() - 1];
            if (last.end() == start && last.type == type) {
                last.size += end - start;
                continue;
            }
        }
        if (!sane.push({start, end - start, type})) break;
    }
    return sane;
}

RangeList ram_ranges(const MemoryMap& map) {
    RangeList ranges;
    for (const auto& entry : map) {
        if (entry.type != MemoryType::Ram) continue;
        const std::uint64_t start = (entry.start + kPageSize - 1) & ~(kPageSize - 1);
        const std::uint64_t end = entry.end() & ~(kPageSize - 1);
        if (start < end) ranges.push({start, end});
    }
    return ranges;
}

void exclude(RangeList& ranges, MemoryRange hole) {
    hole.start &= ~(kPageSize - 1);
    hole.end = (hole.end + kPageSize - 1) & ~(kPageSize - 1);
    RangeList rest;
    for (const auto& range : ranges) {
        if (hole.end <= range.start || hole.start >= range.end) {
            rest.push(range);
            continue;
        }
        if (range.start < hole.start) rest.push({range.start, hole.start});
        if (hole.end < range.end) rest.push({hole.end, range.end});
    }
    ranges = rest;
}

}  // namespace hv::x86
