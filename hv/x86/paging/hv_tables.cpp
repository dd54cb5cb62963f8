#include "hv/x86/paging/hv_tables.hpp"

#include <algorithm>

#include "hv/base/log.hpp"
#include "hv/base/spinlock.hpp"
#include "hv/x86/boot/early_memory.hpp"
#include "hv/x86/boot/memory_map.hpp"
#include "hv/x86/cpu/cpuid.hpp"
#include "hv/x86/cpu/registers.hpp"
#include "hv/x86/paging/direct_map.hpp"
#include "hv/x86/paging/walk.hpp"

namespace hv::x86 {
namespace {

// Leaves have the permissions. But where guests may see nothing, the entries above lack the user bit, too: a guest that
// got one of these tables in the place of another would see nothing through it.
constexpr Pte kTableEntry = kPtePresent | kPteWritable | kPteAccessed | kPteDirty;

constinit std::uint64_t root = 0;
constinit std::uint64_t device_next = kDeviceBase;
constinit Spinlock tables_lock{LockRank::Leaf};

void* early_table_page() {
    return direct_map(allocate_early(kPageSize));
}
using TablePageSource = void* (*)();
constinit TablePageSource table_page_source = early_table_page;

extern "C" const char image_start[], text_end[], rodata_end[], image_end[];

struct HvFormat {
    using Entry = Pte;
    static constexpr unsigned kLevels = kTableLevels;
    static Pte* table(Mfn frame) { return static_cast<Pte*>(direct_map(frame)); }
    static bool leads_on(Pte entry, unsigned level) {
        return is_present(entry) && (level == kLevels || !(entry & kPteLarge));
    }
    static Mfn frame(Pte entry) { return frame_in(entry); }
};

WalkEnd<HvFormat> walk_hv(std::uint64_t address, unsigned lowest = 1) {
    return walk<HvFormat>(frame_of(MachineAddress{root}), address, lowest);
}

Pte leaf_bits(std::uint32_t flags) {
    Pte bits = kPtePresent | kPteAccessed | kPteDirty;
    if (flags & kMapWritable) bits |= kPteWritable;
    if (flags & kMapUser) bits |= kPteUser;
    if (!(flags & kMapNotGlobal) && cpu_has(Feature::Pge)) bits |= kPteGlobal;
    if (!(flags & kMapExecutable) && cpu_has(Feature::Nx)) bits |= kPteNoExecute;
    if (flags & kMapUncached) bits |= kPteCacheDisable | kPteWriteThrough;  // PAT entry 3: UC
    return bits;
}

// An empty table for what `place` is about. `user`: kPteUser for what guests see, or 0; never both kinds below one
// entry of the root.
Result<> add_table(Pte* place, Pte user) {
    void* page = table_page_source();
    if (!page) return fail(Error::NoMemory);
    *place = physical_of(page) | kTableEntry | user;
    return {};
}

unsigned largest_level(std::uint64_t virtual_address, std::uint64_t physical, std::uint64_t size) {
    for (unsigned level = cpu_has(Feature::Page1G) ? 3 : 2; level > 1; --level) {
        const std::uint64_t page = bytes_per_entry(level);
        if (((virtual_address | physical) & (page - 1)) == 0 && size >= page) return level;
    }
    return 1;
}

Result<> map_one(std::uint64_t virtual_address, std::uint64_t physical, unsigned leaf_level, Pte bits) {
    for (;;) {
        const auto [place, entry, level] = walk_hv(virtual_address, leaf_level);
        HV_ASSERT(!is_present(entry));
        if (level == leaf_level) {
            HV_ASSERT((hv_root_entry(index_in(kTableLevels, virtual_address)) & kPteUser) == (bits & kPteUser));
            *place = physical | bits | (leaf_level > 1 ? kPteLarge : Pte{0});
            return {};
        }
        TRY(add_table(place, bits & kPteUser));
    }
}

void must_map(std::uint64_t virtual_address, std::uint64_t physical, std::uint64_t size, std::uint32_t flags) {
    if (const auto result = map_hv(virtual_address, physical, size, flags); !result)
        must_failed("early mapping", result.error());
}

void map_image() {
    const auto part = [](const char* start, const char* end, std::uint32_t flags) {
        const auto from = reinterpret_cast<std::uint64_t>(start), to = reinterpret_cast<std::uint64_t>(end);
        const auto bits = leaf_bits(flags);
        // Small pages throughout: the parts have different permissions.
        for (std::uint64_t page = from; page < to; page += kPageSize)
            (void)map_one(page, page - kImageBase + kImagePhysical, 1, bits);
    };
    part(image_start, text_end, kMapExecutable);
    part(text_end, rodata_end, 0);
    part(rodata_end, image_end, kMapWritable);
}

// RAM and what firmware keeps in RAM. hv's text and constants are left out: they have no writable alias.
void map_ram() {
    RangeList ranges;
    const auto add = [&ranges](MemoryRange range) {
        if (!ranges.empty() && range.start <= ranges[ranges.size() - 1].end) {
            ranges[ranges.size() - 1].end = std::max(ranges[ranges.size() - 1].end, range.end);
        } else {
            ranges.push(range);
        }
    };
    add({0, 0x10'0000});
    for (const auto& entry : machine_memory_map()) {
        if (entry.type != MemoryType::Ram && entry.type != MemoryType::AcpiData && entry.type != MemoryType::AcpiNvs)
            continue;
        const MemoryRange frames{entry.start & ~(kPageSize - 1), (entry.end() + kPageSize - 1) & ~(kPageSize - 1)};
        if (frames.end <= kDirectMapEnd - kDirectMapBase) add(frames);
    }
    exclude(ranges, {physical_of(image_start), physical_of(rodata_end)});
    for (const auto& range : ranges) must_map(kDirectMapBase + range.start, range.start, range.size(), kMapWritable);
}

void make_level3_tables() {
    for (const unsigned slot : {kM2pReadOnlySlot, 257u, kWindowsSlot, 261u}) {
        Pte* const place = HvFormat::table(frame_of(MachineAddress{root})) + slot;
        MUST(add_table(place, slot == kM2pReadOnlySlot ? kPteUser : Pte{0}), "early tables panic instead");
    }
}

}  // namespace

void start_paging() {
    root = allocate_early(kPageSize);
    make_level3_tables();
    map_image();
    map_ram();
    write_cr3(root);
    write_cr4(read_cr4() & ~std::uint64_t{kCr4Pge});
    write_cr4(hv_cr4() & ~std::uint64_t{kCr4Mce});
}

std::uint64_t hv_root() {
    return root;
}
MachineAddress hv_page_table() {
    return {root};
}
std::uint64_t hv_root_entry(unsigned slot) {
    return direct_map_as<std::uint64_t>(root)[slot];
}

Result<> map_hv(std::uint64_t virtual_address, std::uint64_t physical, std::uint64_t size, std::uint32_t flags) {
    Guard guard{tables_lock};
    const Pte bits = leaf_bits(flags);
    while (size != 0) {
        const unsigned level = largest_level(virtual_address, physical, size);
        TRY(map_one(virtual_address, physical, level, bits));
        const std::uint64_t page = bytes_per_entry(level);
        virtual_address += page;
        physical += page;
        size -= page;
    }
    return {};
}

Result<void*> map_device(std::uint64_t physical, std::size_t size, std::uint32_t flags) {
    const std::uint64_t offset = physical & (kPageSize - 1);
    const std::uint64_t bytes = (offset + size + kPageSize - 1) & ~(kPageSize - 1);
    std::uint64_t window;
    {
        Guard guard{tables_lock};
        if (size == 0 || bytes > kDeviceEnd - device_next) return fail(Error::NoSpace);
        window = device_next;
        device_next += bytes;
    }
    TRY(map_hv(window, physical - offset, bytes, flags));
    return reinterpret_cast<void*>(window + offset);
}

void set_table_page_source(void* (*source)()) {
    table_page_source = source;
}

bool translate_hv(std::uint64_t virtual_address, std::uint64_t& physical) {
    const auto [place, entry, level] = walk_hv(virtual_address);
    if (!is_present(entry)) return false;
    const std::uint64_t page = bytes_per_entry(level);
    physical = (entry & kPteFrameMask & ~(page - 1)) | (virtual_address & (page - 1));
    return true;
}

}  // namespace hv::x86
