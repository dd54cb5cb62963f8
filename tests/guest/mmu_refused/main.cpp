// Promised: no guest ever gets a writable mapping of a page table, a descriptor table or another owner's frame, and
// none reaches into the hypervisor's part of the address space. Exercised: update_va_mapping, mmu_update and pins with
// every such wish; addresses that are unaligned or not canonical. A pass means: each wish is refused, nothing changed,
// and both domain and host live on.
#include "tests/guest/lib/guest.hpp"
#include "tests/guest/lib/memory.hpp"
#include "tests/guest/lib/traps.hpp"

using namespace guest;

namespace {

constexpr u64 kNonCanonical = 0x0000'8000'0000'0000;

Page slot;  // a page whose mapping the attacks try to replace

void refuse_mapping(u64 entry) {
    EXPECT_TRUE(update_mapping(slot.bytes, entry) < 0);
    EXPECT_EQ(pte_frame(*entry_for(slot.address(), 1)), slot.mfn);
}

void check_page_tables() {
    const Page table = make_table();
    EXPECT_EQ(mmuext(MmuextCommand::PinL1Table, table.mfn), 0);
    refuse_mapping(pte(table.mfn, kPteKernelData));
    EXPECT_TRUE(make_writable(table) < 0);
    for (u64 i = 0; i < start_info().nr_pt_frames; ++i)
        refuse_mapping(pte(mfn_of(reinterpret_cast<u8*>(start_info().pt_base) + i * kPageSize), kPteKernelData));
    // A store is trapped; it is either refused or checked like the hypercall.
    u64* const own_entry = entry_for(slot.address(), 1);
    const u64 before = *own_entry;
    const u64 hostile = pte(top_table_mfn(), kPteKernelData);
    catch_fault([=] { *const_cast<volatile u64*>(own_entry) = hostile; });
    EXPECT_EQ(*own_entry, before);
    EXPECT_EQ(mmuext(MmuextCommand::UnpinTable, table.mfn), 0);
    EXPECT_EQ(make_writable(table), 0);
}

void check_foreign_frames() {
    u64 table[1] = {};
    MachphysMfnList list{1, 0, reinterpret_cast<u64>(table), 0, 0};
    EXPECT_EQ(memory_op(MemoryCommand::MachphysMfnList, &list), 0);
    refuse_mapping(pte(table[0], kPteKernelData));  // the hypervisor's own table
    const Page freed = allocate_page();
    u64 extent = freed.mfn;
    EXPECT_EQ(update_mapping(freed.bytes, 0), 0);
    MemoryReservation reservation{reinterpret_cast<u64>(&extent), 1, 0, 0, kDomidSelf, {}};
    EXPECT_EQ(memory_op(MemoryCommand::DecreaseReservation, &reservation), 1);
    refuse_mapping(pte(freed.mfn, kPteKernelData));  // no domain's
    refuse_mapping(pte(freed.mfn, kPteReadOnly));
    EXPECT_TRUE(update_entry(freed.mfn * kPageSize, 0) < 0);
    EXPECT_TRUE(update_entry(freed.mfn * kPageSize, 5, MmuCommand::MachphysUpdate) < 0);
    EXPECT_TRUE(mmuext(MmuextCommand::PinL1Table, freed.mfn) < 0);
    EXPECT_TRUE(mmuext(MmuextCommand::ClearPage, freed.mfn) < 0);
    EXPECT_TRUE(mmuext(MmuextCommand::CopyPage, freed.mfn, slot.mfn) < 0);
    EXPECT_TRUE(mmuext(MmuextCommand::NewBaseptr, freed.mfn) < 0);
    EXPECT_TRUE(update_mapping(slot.bytes, pte(slot.mfn, kPteKernelData), kUvmfInvlpg) == 0);
    EXPECT_TRUE(update_entry(entry_machine_address(slot.address(), 1), pte(slot.mfn, kPteKernelData),
                             MmuCommand::NormalPtUpdate, 1234) < 0);  // no such domain
}

void check_impossible_frames() {
    refuse_mapping(pte(kPteFrameMask >> 12, kPteKernelData));
    EXPECT_TRUE(update_entry(0x000f'ffff'ffff'f000, 0) < 0);
    EXPECT_TRUE(mmuext(MmuextCommand::PinL1Table, ~0ull >> 12) < 0);
    EXPECT_TRUE(mmuext(MmuextCommand::PinL4Table, ~0ull) < 0);
    EXPECT_TRUE(mmuext(MmuextCommand::NewBaseptr, ~0ull) < 0);
}

void check_reserved_bits() {
    const u64 l2 = entry_machine_address(slot.address(), 2), l3 = entry_machine_address(slot.address(), 3);
    const u64 l2_entry = *entry_for(slot.address(), 2), l3_entry = *entry_for(slot.address(), 3);
    EXPECT_TRUE(update_entry(l2, l2_entry | kPteLarge) < 0);  // a large page over whatever lies there
    EXPECT_TRUE(update_entry(l2 + 8 * 64, pte(slot.mfn & ~511ull, kPteTable | kPteLarge)) < 0);
    EXPECT_TRUE(update_entry(l3, l3_entry | kPteLarge) < 0);
    EXPECT_EQ(*entry_for(slot.address(), 2), l2_entry);
    EXPECT_EQ(*entry_for(slot.address(), 3), l3_entry);
    EXPECT_TRUE(!try_write(slot.address()).happened);
}

void check_addresses() {
    const u64 entry = entry_machine_address(slot.address(), 1);
    for (u64 low = 4; low < 8; ++low) EXPECT_TRUE(update_entry(entry | low, *entry_for(slot.address(), 1)) < 0);
    for (const u64 address : {kNonCanonical, kNonCanonical + 0x7fff'0000'0000'0000, kHypervisorVirtStart,
                              kHypervisorVirtEnd - kPageSize, kHypervisorVirtStart + 0x1234'5678'9000})
        EXPECT_TRUE(update_mapping(reinterpret_cast<u8*>(address), pte(slot.mfn, kPteKernelData)) < 0);
    // Not canonical either, but every index into the tables is one of a page that is mapped.
    EXPECT_EQ(update_mapping(reinterpret_cast<u8*>(slot.address() ^ u64{1} << 62), 0), -kEINVAL);
    EXPECT_EQ(pte_frame(*entry_for(slot.address(), 1)), slot.mfn);
    EXPECT_TRUE(!try_write(slot.address()).happened);
    mmuext(MmuextCommand::InvlpgLocal, kNonCanonical);  // harmless, whatever it says
    mmuext(MmuextCommand::InvlpgAll, kHypervisorVirtStart);
    mmuext(MmuextCommand::InvlpgMulti, slot.address(), kNonCanonical);
}

void check_hypervisor_hole() {
    const u64 top = machine_address_of(reinterpret_cast<void*>(start_info().pt_base));
    const u64 own = *entry_for(kVirtBase, 4);
    for (u64 hole = kFirstHypervisorSlot; hole <= kLastHypervisorSlot; ++hole)
        EXPECT_TRUE(update_entry(top + hole * 8, own) < 0);
    EXPECT_TRUE(!try_read(kMachineToPhysStart).happened);
    EXPECT_TRUE(try_write(kMachineToPhysStart).happened);
    EXPECT_TRUE(try_write(kMachineToPhysStart + pfn_to_mfn(0) * 8).happened);
    u64 readable = 0;  // nothing but the machine-to-phys table can be read
    for (u64 address = kMachineToPhysEnd; address < kHypervisorVirtEnd; address += 0x40'0000'0000)
        readable += !try_read(address).happened + !try_read(address + 0x10'0000).happened;
    EXPECT_EQ(readable, 0);
}

void check_type_conflicts() {
    const Page table = make_table(), data = allocate_page();
    EXPECT_TRUE(mmuext(MmuextCommand::PinL1Table, data.mfn) < 0);  // writable
    EXPECT_EQ(mmuext(MmuextCommand::PinL1Table, table.mfn), 0);
    EXPECT_TRUE(mmuext(MmuextCommand::PinL2Table, table.mfn) < 0);
    EXPECT_TRUE(mmuext(MmuextCommand::PinL4Table, table.mfn) < 0);
    EXPECT_TRUE(mmuext(MmuextCommand::NewBaseptr, table.mfn) < 0);
    u64 frame = table.mfn;
    EXPECT_TRUE(hypercall(HypercallId::SetGdt, &frame, 512) < 0);
    frame = data.mfn;
    EXPECT_TRUE(hypercall(HypercallId::SetGdt, &frame, 512) < 0);  // writable
    const u64 l2 = entry_machine_address(slot.address(), 2);
    EXPECT_TRUE(update_entry(l2 + 8 * 64, pte(data.mfn, kPteTable)) < 0);  // a writable page as a table
    EXPECT_EQ(mmuext(MmuextCommand::UnpinTable, table.mfn), 0);

    const Page gdt = allocate_page();
    EXPECT_EQ(make_read_only(gdt), 0);
    frame = gdt.mfn;
    EXPECT_EQ(hypercall(HypercallId::SetGdt, &frame, 512), 0);
    refuse_mapping(pte(gdt.mfn, kPteKernelData));
    EXPECT_TRUE(mmuext(MmuextCommand::PinL1Table, gdt.mfn) < 0);
    EXPECT_EQ(hypercall(HypercallId::SetGdt, &frame, 0), 0);
    EXPECT_EQ(make_writable(gdt), 0);
}

}  // namespace

void guest::test_main() {
    slot = allocate_page();
    check_page_tables();
    check_foreign_frames();
    check_impossible_frames();
    check_reserved_bits();
    check_addresses();
    check_hypervisor_hole();
    check_type_conflicts();
}
