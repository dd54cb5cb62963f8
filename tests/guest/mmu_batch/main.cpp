// Promised: mmu_update and mmuext_op work through a list, say how far they came, and stop at the first bad entry.
// Exercised: lists with a bad entry in the middle, empty lists, thousands of entries (hv interrupts itself in between),
// counts far beyond the list, list and counter at bad addresses.
// A pass means: `done` is exact, what came before the bad entry happened, what came after did not.
#include "tests/guest/lib/guest.hpp"
#include "tests/guest/lib/memory.hpp"
#include "tests/guest/lib/traps.hpp"

using namespace guest;

namespace {

constexpr u32 kMany = 20000;
MmuUpdate updates[kMany];
MmuextOp operations[kMany];
Page table;

u64 entry_address(unsigned slot) {
    return table.mfn * kPageSize + slot * 8;
}

void check_stops_at_bad() {
    const Page data = allocate_page();
    for (unsigned i = 0; i < 10; ++i) updates[i] = {entry_address(i), pte(data.mfn, kPteKernelData)};
    updates[6].val = pte(top_table_mfn(), kPteKernelData);
    u32 done = 99;
    EXPECT_TRUE(hypercall(HypercallId::MmuUpdate, updates, 10, &done, kDomidSelf) < 0);
    EXPECT_EQ(done, 6);
    for (unsigned i = 0; i < 10; ++i) EXPECT_EQ(table.words()[i] != 0, i < 6);
    for (unsigned i = 0; i < 10; ++i) updates[i] = {entry_address(i), 0};
    EXPECT_EQ(hypercall(HypercallId::MmuUpdate, updates, 10, &done, kDomidSelf), 0);
    EXPECT_EQ(done, 10);
}

void check_mmuext_stops_at_bad() {
    for (unsigned i = 0; i < 8; ++i) operations[i] = {static_cast<u32>(MmuextCommand::TlbFlushLocal), 0, {0}, {}};
    operations[5].command = 77;
    u32 done = 99;
    EXPECT_TRUE(hypercall(HypercallId::MmuextOp, operations, 8, &done, kDomidSelf) < 0);
    EXPECT_EQ(done, 5);
}

void check_long_lists() {
    const Page data = allocate_page();
    for (unsigned i = 0; i < kMany; ++i)
        updates[i] = {entry_address(i % 512), i + 512 < kMany ? pte(data.mfn, kPteKernelData) : 0};
    u32 done = 0;
    EXPECT_EQ(hypercall(HypercallId::MmuUpdate, updates, kMany, &done, kDomidSelf), 0);
    EXPECT_EQ(done, kMany);
    for (unsigned i = 0; i < 512; ++i) EXPECT_EQ(table.words()[i], 0);
    for (unsigned i = 0; i < kMany; ++i)
        operations[i] = {static_cast<u32>(MmuextCommand::InvlpgLocal), 0, {data.address()}, {}};
    done = 0;
    EXPECT_EQ(hypercall(HypercallId::MmuextOp, operations, kMany, &done, kDomidSelf), 0);
    EXPECT_EQ(done, kMany);
}

void check_bad_arguments() {
    u32 done = 0;
    EXPECT_EQ(hypercall(HypercallId::MmuUpdate, updates, 0, &done, kDomidSelf), 0);
    EXPECT_EQ(hypercall(HypercallId::MmuUpdate, 0x1000, 1, &done, kDomidSelf), -kEFAULT);
    EXPECT_EQ(hypercall(HypercallId::MmuextOp, 0x1000, 1, &done, kDomidSelf), -kEFAULT);
    EXPECT_EQ(hypercall(HypercallId::MmuUpdate, kHypervisorVirtStart, 1, &done, kDomidSelf), -kEFAULT);
    EXPECT_TRUE(hypercall(HypercallId::MmuUpdate, updates, 1, &done, 1234) < 0);
    EXPECT_TRUE(hypercall(HypercallId::MmuextOp, operations, 1, &done, 1234) < 0);
    // A list that ends at an unmapped page: what is there is done.
    const Page last = allocate_page(), hole = allocate_page();
    auto* const tail = reinterpret_cast<MmuUpdate*>(last.address() + kPageSize) - 3;
    for (unsigned i = 0; i < 3; ++i) tail[i] = {entry_address(i), 0};
    EXPECT_EQ(last.address() + kPageSize, hole.address());
    EXPECT_EQ(update_mapping(hole.bytes, 0), 0);
    done = 0;
    EXPECT_EQ(hypercall(HypercallId::MmuUpdate, tail, 0x7fff'ffff, &done, kDomidSelf), -kEFAULT);
    EXPECT_EQ(done, 3);
    // A counter that cannot be written is no error.
    EXPECT_EQ(hypercall(HypercallId::MmuUpdate, tail, 3, hole.address(), kDomidSelf), 0);
    EXPECT_EQ(hypercall(HypercallId::MmuUpdate, tail, 3, kHypervisorVirtStart, kDomidSelf), 0);
    EXPECT_EQ(update_mapping(hole.bytes, pte(hole.mfn, kPteKernelData)), 0);
}

}  // namespace

void guest::test_main() {
    table = make_table();
    EXPECT_EQ(mmuext(MmuextCommand::PinL1Table, table.mfn), 0);
    check_stops_at_bad();
    check_mmuext_stops_at_bad();
    check_long_lists();
    check_bad_arguments();
    EXPECT_EQ(mmuext(MmuextCommand::UnpinTable, table.mfn), 0);
    EXPECT_EQ(make_writable(table), 0);
}
