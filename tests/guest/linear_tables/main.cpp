// Promised: where it is allowed, a page table may name itself and others of its own level, read-only and one level
// deep. Exercised: the running top table in itself, read, written, made writable; addresses translated through it as
// arguments; chains and circles of tables; a table as one of its own level and as one of the level below; taking apart
// in every order. A pass means: tables can be seen and never written, hv's part of the top table is out of reach also
// for hv's own accesses, and every page is plain memory in the end.
#include "tests/guest/lib/guest.hpp"
#include "tests/guest/lib/memory.hpp"
#include "tests/guest/lib/traps.hpp"

using namespace guest;

namespace {

constexpr u64 kSlot = 300, kFirstHvSlot = 256, kLastHvSlot = 271;
constexpr u64 kReadTable = kPtePresent | kPteUser | kPteAccessed;
constexpr u64 kHigh = 0xffff'0000'0000'0000;

u64 behind(u64 l4, u64 l3, u64 l2, u64 l1) {
    return kHigh | l4 << 39 | l3 << 30 | l2 << 21 | l1 << 12;
}

void check_top() {
    const u64 place = machine_address_of(reinterpret_cast<u64*>(start_info().pt_base) + kSlot);
    const u64 top = top_table_mfn();
    EXPECT_TRUE(update_entry(place, pte(top, kPteTable)) < 0);
    REQUIRE_EQ(update_entry(place, pte(top, kReadTable)), 0);
    EXPECT_TRUE(update_entry(place, pte(top, kPteTable)) < 0);
    // Four times through the slot is the top table itself; once is every L1 table, in order.
    auto* seen = reinterpret_cast<volatile u64*>(behind(kSlot, kSlot, kSlot, kSlot));
    EXPECT_EQ(seen[511] & ~kPteDirty, *entry_for(kVirtBase, 4) & ~kPteDirty);
    const u64 virt = kVirtBase;
    auto* entry = reinterpret_cast<volatile u64*>(behind(kSlot, virt >> 39 & 511, virt >> 30 & 511, virt >> 21 & 511) +
                                                  (virt >> 12 & 511) * 8);
    EXPECT_EQ(*entry & kPteFrameMask, *entry_for(virt, 1) & kPteFrameMask);
    EXPECT_TRUE(try_write(reinterpret_cast<u64>(&seen[kSlot])).happened);
    EXPECT_TRUE(try_write(reinterpret_cast<u64>(entry)).happened);
    // As an argument: hv does not read or write there.
    const u64 list = reinterpret_cast<u64>(seen);
    EXPECT_EQ(hypercall(HypercallId::XenVersion, VersionCommand::Changeset, list), -kEFAULT);
    EXPECT_EQ(hypercall(HypercallId::MmuUpdate, list, 1, 0, kDomidSelf), -kEFAULT);
    for (u64 slot = kFirstHvSlot; slot <= kLastHvSlot; ++slot) {
        EXPECT_EQ(hypercall(HypercallId::MmuUpdate, behind(kSlot, slot, 0, 0), 1, 0, kDomidSelf), -kEFAULT);
        EXPECT_EQ(hypercall(HypercallId::MmuUpdate, behind(kSlot, kSlot, slot, 0), 1, 0, kDomidSelf), -kEFAULT);
        if (slot == kFirstHvSlot) continue;  // the machine-to-physical table, which guests may read
        EXPECT_TRUE(try_read(behind(kSlot, slot, 0, 0)).happened);
        EXPECT_TRUE(try_read(behind(kSlot, kSlot, slot, 0)).happened);
        EXPECT_TRUE(try_read(behind(kSlot, kSlot, kSlot, slot)).happened);
    }
    EXPECT_TRUE(update_mapping(const_cast<u64*>(seen), 0) < 0);
    EXPECT_EQ(update_entry(place, 0), 0);
    EXPECT_EQ(mmuext(MmuextCommand::TlbFlushLocal, 0), 0);
    EXPECT_TRUE(try_read(list).happened);
}

long name(const Page& table, unsigned index, const Page& target, u64 flags = kReadTable) {
    return update_entry((table.mfn << 12) + index * 8, flags == 0 ? 0 : pte(target.mfn, flags));
}

Page pinned(unsigned level) {
    const Page page = allocate_page();
    REQUIRE_EQ(make_read_only(page), 0);
    REQUIRE_EQ(mmuext(static_cast<MmuextCommand>(level - 1), page.mfn), 0);
    return page;
}

void unpin(const Page& page) {
    EXPECT_EQ(mmuext(MmuextCommand::UnpinTable, page.mfn), 0);
}
void expect_plain(const Page& page) {
    EXPECT_EQ(make_writable(page), 0);
}

void check_chains(unsigned level) {
    const Page a = pinned(level), b = pinned(level), c = pinned(level);
    EXPECT_EQ(name(a, 0, b), 0);
    EXPECT_TRUE(name(b, 0, c) < 0);
    EXPECT_TRUE(name(c, 0, a) < 0);
    EXPECT_TRUE(name(b, 0, a) < 0);
    EXPECT_EQ(name(b, 0, b), 0);
    EXPECT_EQ(name(c, 0, b), 0);
    EXPECT_TRUE(name(a, 0, b, kPteTable) < 0);
    // The named one first: the others keep it a table.
    unpin(b);
    EXPECT_TRUE(make_writable(b) < 0);
    unpin(a);
    EXPECT_TRUE(make_writable(b) < 0);
    unpin(c);
    expect_plain(a);
    expect_plain(b);
    expect_plain(c);
}

void check_roles() {
    const Page l3 = pinned(3), l2 = pinned(2), second = pinned(2);
    EXPECT_EQ(name(l3, 0, l2, kPteTable), 0);
    EXPECT_EQ(name(second, 0, l2), 0);
    EXPECT_TRUE(name(second, 1, l3) < 0);
    unpin(l2);
    EXPECT_TRUE(mmuext(MmuextCommand::PinL3Table, l2.mfn) < 0);
    unpin(l3);
    EXPECT_TRUE(make_writable(l2) < 0);
    EXPECT_EQ(name(second, 0, l2, 0), 0);
    unpin(second);
    expect_plain(l3);
    expect_plain(l2);
    expect_plain(second);
}

}  // namespace

void guest::test_main() {
    if (!on_hv()) skip("this hypervisor has a switch of its own for linear page tables");
    check_top();
    for (unsigned level = 2; level <= 4; ++level) check_chains(level);
    check_roles();
    // Some are left for the end of the domain.
    const Page a = pinned(4), b = pinned(4);
    EXPECT_EQ(name(a, 0, a), 0);
    EXPECT_EQ(name(a, 1, b), 0);
}
