#include "hv/x86/paging/hv_tables.hpp"

#include <algorithm>

#include "hv/base/log.hpp"
#include "hv/base/spinlock.hpp"
#include "hv/x86/boot/early_memory.hpp"
#include "hv/x86/boot/memory_map.hpp"
#include "hv/x86/cpu/cpuid.hpp"
#include "hv/x86/cpu/registers.hpp"
#include "hv/x86/paging/direct_map.hpp"

namespace hv::x86 {
namespace {

// Entries (Intel SDM volume 3, "4-Level Paging").
enum EntryBits : std::uint64_t {
    kPresent = 1u << 0,
    kWrite = 1u << 1,
    kUser = 1u << 2,
    kWriteThrough = 1u << 3,
    kCacheDisable = 1u << 4,
    kAccessed = 1u << 5,
    kDirty = 1u << 6,
    kLarge = 1u << 7,
    kGlobalPage = 1u << 8,
};
constexpr std::uint64_t kNoExecute = std::uint64_t{1} << 63;
constexpr std::uint64_t kAddressMask = 0x000f'ffff'ffff'f000;
// Permissions are the leaves', but what no guest may see is not the guests' on the way either: a guest that had one of
// these tables in the place of another would see nothing.
constexpr std::uint64_t kTableEntry = kPresent | kWrite | kAccessed | kDirty;

constinit std::uint64_t root = 0;
constinit std::uint64_t device_next = kDeviceBase;
constinit Spinlock tables_lock{LockRank::Leaf};

void* early_table_page() {
    return direct_map(allocate_early(kPageSize));
}
using TablePageSource = void* (*)();
constinit TablePageSource table_page_source = early_table_page;

extern "C" const char image_start[], text_end[], rodata_end[], image_end[];

std::uint64_t* entry_in(std::uint64_t table, std::uint64_t address, unsigned level) {
    return direct_map_as<std::uint64_t>(table & kAddressMask) + ((address >> (12 + 9 * (level - 1))) & 511);
}

std::uint64_t leaf_bits(std::uint32_t flags) {
    std::uint64_t bits = kPresent | kAccessed | kDirty;
    if (flags & kMapWritable) bits |= kWrite;
    if (flags & kMapUser) bits |= kUser;
    if (!(flags & kMapNotGlobal) && cpu_has(Feature::Pge)) bits |= kGlobalPage;
    if (!(flags & kMapExecutable) && cpu_has(Feature::Nx)) bits |= kNoExecute;
    if (flags & kMapUncached) bits |= kCacheDisable | kWriteThrough;  // PAT entry 3: UC
    return bits;
}

// `user`: kUser for what guests see, or 0; never both kinds in one table.
Result<std::uint64_t> descend(std::uint64_t* entry, std::uint64_t user) {
    if (*entry & kPresent) {
        HV_ASSERT(!(*entry & kLarge) && (*entry & kUser) == user);
        return *entry & kAddressMask;
    }
    void* page = table_page_source();
    if (!page) return fail(Error::NoMemory);
    *entry = physical_of(page) | kTableEntry | user;
    return physical_of(page);
}

unsigned largest_level(std::uint64_t virtual_address, std::uint64_t physical, std::uint64_t size) {
    for (unsigned level = cpu_has(Feature::Page1G) ? 3 : 2; level > 1; --level) {
        const std::uint64_t page = kPageSize << (9 * (level - 1));
        if (((virtual_address | physical) & (page - 1)) == 0 && size >= page) return level;
    }
    return 1;
}

Result<> map_one(std::uint64_t virtual_address, std::uint64_t physical, unsigned leaf_level, std::uint64_t bits) {
    std::uint64_t table = root;
    for (unsigned level = 4; level > leaf_level; --level)
        table = TRY(descend(entry_in(table, virtual_address, level), bits & kUser));
    std::uint64_t* entry = entry_in(table, virtual_address, leaf_level);
    HV_ASSERT(!(*entry & kPresent));
    *entry = physical | bits | (leaf_level > 1 ? std::uint64_t{kLarge} : 0);
    return {};
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
    for (const unsigned slot : {kM2pReadOnlySlot, 257u, kWindowsSlot, 261u})
        (void)MUST(
            descend(entry_in(root, std::uint64_t{slot} << 39, 4), slot == kM2pReadOnlySlot ? std::uint64_t{kUser} : 0),
            "early tables panic instead");
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
    const std::uint64_t bits = leaf_bits(flags);
    while (size != 0) {
        const unsigned level = largest_level(virtual_address, physical, size);
        TRY(map_one(virtual_address, physical, level, bits));
        const std::uint64_t page = kPageSize << (9 * (level - 1));
        virtual_address += page;
        physical += page;
        size -= page;
    }
    return {};
}

void unmap_hv(std::uint64_t virtual_address, std::uint64_t size) {
    Guard guard{tables_lock};
    for (std::uint64_t page = virtual_address; page < virtual_address + size; page += kPageSize) {
        std::uint64_t table = root;
        for (unsigned level = 4; level > 1; --level) {
            const std::uint64_t entry = *entry_in(table, page, level);
            HV_ASSERT((entry & kPresent) && !(entry & kLarge));
            table = entry;
        }
        *entry_in(table, page, 1) = 0;
        invalidate_page(page);
    }
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
    std::uint64_t table = root;
    for (unsigned level = 4; level > 0; --level) {
        const std::uint64_t entry = *entry_in(table, virtual_address, level);
        if (!(entry & kPresent)) return false;
        if (level == 1 || (level < 4 && (entry & kLarge))) {
            const std::uint64_t page = kPageSize << (9 * (level - 1));
            physical = (entry & kAddressMask & ~(page - 1)) | (virtual_address & (page - 1));
            return true;
        }
        table = entry;
    }
    return false;
}

}  // namespace hv::x86
