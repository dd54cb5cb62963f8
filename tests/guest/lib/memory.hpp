// A test kernel's memory: pages that it owns, both directions of frame translation, and changes of page tables.
#pragma once

#include "tests/guest/lib/hypercall.hpp"

namespace guest {

inline constexpr u64 kPageSize = 4096;
inline constexpr u64 kVirtBase = 0xffff'ffff'8000'0000;

inline constexpr u64 kPtePresent = 1u << 0;
inline constexpr u64 kPteWritable = 1u << 1;
inline constexpr u64 kPteUser = 1u << 2;
inline constexpr u64 kPteAccessed = 1u << 5;
inline constexpr u64 kPteDirty = 1u << 6;
inline constexpr u64 kPteLarge = 1u << 7;
inline constexpr u64 kPteNoExecute = 1ull << 63;
inline constexpr u64 kPteKernelData = kPtePresent | kPteWritable | kPteAccessed | kPteDirty;
inline constexpr u64 kPteReadOnly = kPtePresent | kPteAccessed;
inline constexpr u64 kPteTable = kPtePresent | kPteWritable | kPteUser | kPteAccessed;
inline constexpr u64 kPteFrameMask = 0x000f'ffff'ffff'f000;

constexpr u64 pte(u64 mfn, u64 flags) {
    return mfn << 12 | flags;
}
constexpr u64 pte_frame(u64 entry) {
    return (entry & kPteFrameMask) >> 12;
}

struct Page {
    u64 pfn;
    u64 mfn;
    u8* bytes;
    u64 address() const { return reinterpret_cast<u64>(bytes); }
    u64* words() const { return reinterpret_cast<u64*>(bytes); }
};

void init_memory();

// Zeroed, mapped writable, owned by this domain; there are a few hundred, and they cannot be given back.
Page allocate_page();
u64 pages_left();

u64 pfn_to_mfn(u64 pfn);
void set_pfn_to_mfn(u64 pfn, u64 mfn);  // the guest's own list
u64 machine_to_phys(u64 mfn);           // the hypervisor's table
u64 mfn_of(const volatile void* address);
u64 machine_address_of(const volatile void* address);

// The page-table page of `level` (4 is the top) that translates `address` now, as mapped read-only in this kernel.
u64* table_for(u64 address, unsigned level);
u64* entry_for(u64 address, unsigned level);
u64 entry_machine_address(u64 address, unsigned level);
u64 top_table_mfn();

// Raw results of the hypercalls.
long update_mapping(const volatile void* address, u64 entry, u64 flags = kUvmfInvlpg | kUvmfAll);
long update_entry(u64 machine_address, u64 value, MmuCommand command = MmuCommand::NormalPtUpdate,
                  u32 foreign = kDomidSelf);
long mmuext(MmuextCommand command, u64 arg1, u64 arg2 = 0, u32 foreign = kDomidSelf);

long make_read_only(const Page& page);
long make_writable(const Page& page);
// A page-table page with the given entries: mapped read-only so that it may be pinned.
Page make_table(const u64* entries = nullptr, unsigned count = 0);

}  // namespace guest
