#include "hv/x86/boot/early_memory.hpp"

#include <algorithm>
#include <cstring>

#include "hv/base/log.hpp"
#include "hv/x86/boot/memory_map.hpp"
#include "hv/x86/paging/direct_map.hpp"

namespace hv::x86 {
namespace {

constexpr std::uint64_t kFirstMiB = 0x10'0000;
constexpr std::uint64_t k4GiB = std::uint64_t{1} << 32;

constinit MemoryMap machine_map{};
constinit RangeList free_ranges{};
constinit std::uint64_t ram_end = 0;
constinit std::uint64_t trampoline = 0;
constinit bool taken = false;

extern "C" const char image_start[], image_end[];

void choose_trampoline(const RangeList& ram) {
    constexpr std::uint64_t kLowest = 0x1000,
                            kHighest = 0x9'f000;  // above the interrupt table, below the EBDA's usual place
    for (const auto& range : ram) {
        const std::uint64_t end = std::min(range.end, kHighest);
        if (range.start < kFirstMiB && end >= kLowest + kPageSize && end - kPageSize >= range.start)
            trampoline = end - kPageSize;
    }
}

// The highest place in `range` below `limit`.
bool take_from(MemoryRange& range, std::uint64_t limit, std::size_t bytes, std::size_t alignment,
               std::uint64_t& found) {
    const std::uint64_t end = std::min(range.end, limit);
    if (end < range.start || end - range.start < bytes) return false;
    const std::uint64_t start = (end - bytes) & ~std::uint64_t{alignment - 1};
    if (start < range.start) return false;
    found = start;
    return true;
}

}  // namespace

void start_early_memory(const BootInfo& info) {
    machine_map = sanitise_memory_map(info.memory_map);
    free_ranges = ram_ranges(machine_map);
    if (free_ranges.empty()) panic("the boot loader gave no memory map");
    for (const auto& range : free_ranges) ram_end = std::max(ram_end, range.end);
    for (const auto& module : info.modules) exclude(free_ranges, {module.start, module.start + module.size});
    choose_trampoline(free_ranges);
    exclude(free_ranges, {0, kFirstMiB});
    exclude(free_ranges, {physical_of(image_start), physical_of(image_end)});
}

const MemoryMap& machine_memory_map() {
    return machine_map;
}
std::uint64_t end_of_ram() {
    return ram_end;
}
std::uint64_t trampoline_page() {
    return trampoline;
}

std::uint64_t allocate_early(std::size_t bytes, std::size_t alignment) {
    HV_ASSERT(!taken);
    bytes = (bytes + kPageSize - 1) & ~(kPageSize - 1);
    for (const std::uint64_t limit : {k4GiB, ~std::uint64_t{0}}) {
        for (std::size_t i = free_ranges.size(); i-- > 0;) {
            std::uint64_t found = 0;
            if (!take_from(free_ranges[i], limit, bytes, alignment, found)) continue;
            exclude(free_ranges, {found, found + bytes});
            std::memset(direct_map(found), 0, bytes);
            return found;
        }
    }
    panic("out of memory while booting: {} KiB wanted", bytes / 1024);
}

void mark_firmware(std::uint64_t physical, std::size_t bytes) {
    machine_map.push({physical, bytes, MemoryType::AcpiData});
    machine_map = sanitise_memory_map(machine_map);
}

std::span<const MemoryRange> take_remaining_memory() {
    taken = true;
    return free_ranges.span();
}

std::span<const MemoryRange> usable_memory() {
    return free_ranges.span();
}

}  // namespace hv::x86
