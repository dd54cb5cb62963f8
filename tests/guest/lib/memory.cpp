#include "tests/guest/lib/memory.hpp"

#include "tests/guest/lib/guest.hpp"

namespace guest {
namespace {

u64 next_free;     // virtual address
u64 mapped_limit;  // first address past the initial mapping

u64* frame_list() {
    return reinterpret_cast<u64*>(start_info().mfn_list);
}

u64* table_at(u64 mfn) {
    return reinterpret_cast<u64*>(kVirtBase + machine_to_phys(mfn) * kPageSize);
}

}  // namespace

void init_memory() {
    const StartInfo& info = start_info();
    next_free = info.pt_base + (info.nr_pt_frames + 1) * kPageSize;  // one page of stack after the tables
    mapped_limit = next_free;
    while (mapped_limit < kVirtBase + info.nr_pages * kPageSize) {
        u64* table = reinterpret_cast<u64*>(info.pt_base);
        unsigned level = 4;
        for (; level > 1; --level) {
            const u64 entry = table[(mapped_limit >> (12 + 9 * (level - 1))) & 511];
            if (!(entry & kPtePresent)) break;
            table = table_at(pte_frame(entry));
        }
        if (level > 1 || !(table[(mapped_limit >> 12) & 511] & kPtePresent)) break;
        mapped_limit += kPageSize;
    }
}

Page allocate_page() {
    REQUIRE_TRUE(next_free < mapped_limit);
    const u64 pfn = (next_free - kVirtBase) / kPageSize;
    Page page{pfn, pfn_to_mfn(pfn), reinterpret_cast<u8*>(next_free)};
    next_free += kPageSize;
    for (unsigned i = 0; i < 512; ++i) page.words()[i] = 0;
    return page;
}

u64 pages_left() {
    return (mapped_limit - next_free) / kPageSize;
}

u64 pfn_to_mfn(u64 pfn) {
    return frame_list()[pfn];
}
void set_pfn_to_mfn(u64 pfn, u64 mfn) {
    frame_list()[pfn] = mfn;
}
u64 machine_to_phys(u64 mfn) {
    return reinterpret_cast<volatile u64*>(kMachineToPhysStart)[mfn];
}
u64 mfn_of(const volatile void* address) {
    return pfn_to_mfn((reinterpret_cast<u64>(address) - kVirtBase) / kPageSize);
}
u64 machine_address_of(const volatile void* address) {
    return mfn_of(address) * kPageSize + reinterpret_cast<u64>(address) % kPageSize;
}

u64* table_for(u64 address, unsigned level) {
    u64* table = reinterpret_cast<u64*>(start_info().pt_base);
    for (unsigned at = 4; at > level; --at) {
        const u64 entry = table[(address >> (12 + 9 * (at - 1))) & 511];
        REQUIRE_TRUE(entry & kPtePresent);
        table = table_at(pte_frame(entry));
    }
    return table;
}

u64* entry_for(u64 address, unsigned level) {
    return table_for(address, level) + ((address >> (12 + 9 * (level - 1))) & 511);
}

u64 entry_machine_address(u64 address, unsigned level) {
    return machine_address_of(entry_for(address, level));
}

u64 top_table_mfn() {
    return mfn_of(reinterpret_cast<void*>(start_info().pt_base));
}

long update_mapping(const volatile void* address, u64 entry, u64 flags) {
    return hypercall(HypercallId::UpdateVaMapping, address, entry, flags);
}

long update_entry(u64 machine_address, u64 value, MmuCommand command, u32 foreign) {
    MmuUpdate update{machine_address | static_cast<u64>(command), value};
    return hypercall(HypercallId::MmuUpdate, &update, 1, nullptr, foreign);
}

long mmuext(MmuextCommand command, u64 arg1, u64 arg2, u32 foreign) {
    MmuextOp op{static_cast<u32>(command), 0, {arg1}, {}};
    op.arg2.src_mfn = arg2;
    return hypercall(HypercallId::MmuextOp, &op, 1, nullptr, foreign);
}

long make_read_only(const Page& page) {
    return update_mapping(page.bytes, pte(page.mfn, kPteReadOnly));
}
long make_writable(const Page& page) {
    return update_mapping(page.bytes, pte(page.mfn, kPteKernelData));
}

Page make_table(const u64* entries, unsigned count) {
    const Page page = allocate_page();
    for (unsigned i = 0; i < count; ++i) page.words()[i] = entries[i];
    REQUIRE_EQ(make_read_only(page), 0);
    return page;
}

}  // namespace guest
