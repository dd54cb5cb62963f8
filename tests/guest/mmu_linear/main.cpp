// Promised: a page table that contains itself (a linear mapping) is either refused or read-only, in all levels.
// Whatever leads to a top table, hv's part of it leads no guest on. Exercised: the current top table in one of its own
// slots, writable and not; a table of a lower level in itself; two tables in each other. A pass means: no way round
// gives a writable view of a table, and everything can be taken apart again.
#include "tests/guest/lib/guest.hpp"
#include "tests/guest/lib/memory.hpp"
#include "tests/guest/lib/traps.hpp"

using namespace guest;

namespace {

constexpr u64 kSlot = 300;
constexpr u64 kFirstHvSlot = 256,
              kLastHvSlot = 271;  // of a top table; the first leads to the machine-to-physical table
constexpr u64 kReadTable = kPtePresent | kPteUser | kPteAccessed;

void check_current_top() {
    const u64 place = machine_address_of(reinterpret_cast<u64*>(start_info().pt_base) + kSlot);
    EXPECT_TRUE(update_entry(place, pte(top_table_mfn(), kPteTable)) < 0);
    if (update_entry(place, pte(top_table_mfn(), kReadTable)) < 0) return;  // linear tables are not on offer
    EXPECT_TRUE(update_entry(place, pte(top_table_mfn(), kPteTable)) <
                0);  // only one bit changes: which is the one that counts
    const u64 high = 0xffff'0000'0000'0000;
    const u64 linear_top = high | kSlot << 39 | kSlot << 30 | kSlot << 21 | kSlot << 12;
    u64 seen = 0;
    EXPECT_TRUE(!catch_fault([&] { seen = reinterpret_cast<volatile u64*>(linear_top)[511]; }).happened);
    EXPECT_EQ(seen & ~kPteDirty, *entry_for(kVirtBase, 4) & ~kPteDirty);
    const u64 before = *entry_for(kVirtBase, 4);
    catch_fault([&] { reinterpret_cast<volatile u64*>(linear_top)[511] = 0; });
    EXPECT_EQ(*entry_for(kVirtBase, 4), before);
    EXPECT_EQ(update_entry(place, 0), 0);
}

void check_hv_slots() {
    const auto* top = reinterpret_cast<volatile const u64*>(start_info().pt_base);
    EXPECT_TRUE(top[kFirstHvSlot] & kPteUser);
    for (u64 slot = kFirstHvSlot + 1; slot <= kLastHvSlot; ++slot) EXPECT_EQ(top[slot] & kPteUser, 0u);
}

void check_lower_levels() {
    for (unsigned level = 2; level <= 4; ++level) {
        const auto pin = static_cast<MmuextCommand>(level - 1);
        const Page table = allocate_page();
        table.words()[5] = pte(table.mfn, kPteTable);
        EXPECT_EQ(make_read_only(table), 0);
        EXPECT_TRUE(mmuext(pin, table.mfn) < 0);
        EXPECT_EQ(make_writable(table), 0);
        table.words()[5] = pte(table.mfn, kReadTable);
        EXPECT_EQ(make_read_only(table), 0);
        if (mmuext(pin, table.mfn) == 0) {
            EXPECT_TRUE(make_writable(table) < 0);
            EXPECT_EQ(mmuext(MmuextCommand::UnpinTable, table.mfn), 0);
        }
        EXPECT_EQ(make_writable(table), 0);
    }
}

void check_each_other() {
    for (unsigned level = 2; level <= 4; ++level) {
        const auto pin = static_cast<MmuextCommand>(level - 1);
        const Page one = allocate_page(), two = allocate_page();
        one.words()[5] = pte(two.mfn, kReadTable);
        two.words()[5] = pte(one.mfn, kReadTable);
        EXPECT_EQ(make_read_only(one), 0);
        EXPECT_EQ(make_read_only(two), 0);
        if (mmuext(pin, one.mfn) == 0) EXPECT_EQ(mmuext(MmuextCommand::UnpinTable, one.mfn), 0);
        if (mmuext(pin, two.mfn) == 0) EXPECT_EQ(mmuext(MmuextCommand::UnpinTable, two.mfn), 0);
        EXPECT_EQ(make_writable(one), 0);
        EXPECT_EQ(make_writable(two), 0);
    }
}

}  // namespace

void guest::test_main() {
    check_hv_slots();
    check_current_top();
    check_lower_levels();
    check_each_other();
}
