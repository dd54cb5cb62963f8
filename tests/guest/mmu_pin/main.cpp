// Promised: page tables of all four levels are validated when pinned or used, hold their frames while they do, and let
// go of everything when they stop. Exercised: a second address space, built and pinned level by level, switched to and
// left; tables with one bad entry; a table referenced 512 times; unpins that are not due; TLB operations; ClearPage and
// CopyPage. A pass means: after every round each frame may be written again, so no count leaked and none was lost.
#include "tests/guest/lib/guest.hpp"
#include "tests/guest/lib/memory.hpp"
#include "tests/guest/lib/traps.hpp"

using namespace guest;

namespace {

constexpr u64 kAddress = 0x0000'1234'5678'9000;

unsigned slot_of(unsigned level) {
    return kAddress >> (12 + 9 * (level - 1)) & 511;
}

struct Space {
    Page data, tables[5];  // by level
};

void set(const Page& table, unsigned slot, u64 entry) {
    table.words()[slot] = entry;
}

Space prepare() {
    Space space{};
    space.data = allocate_page();
    for (unsigned level = 1; level <= 4; ++level) space.tables[level] = allocate_page();
    return space;
}

void fill(const Space& space) {
    set(space.tables[1], slot_of(1), pte(space.data.mfn, kPteKernelData));
    for (unsigned level = 2; level <= 4; ++level)
        set(space.tables[level], slot_of(level), pte(space.tables[level - 1].mfn, kPteTable));
    set(space.tables[4], 511, *entry_for(kVirtBase, 4));
    for (unsigned level = 1; level <= 4; ++level) REQUIRE_EQ(make_read_only(space.tables[level]), 0);
}

void expect_all_writable(const Space& space) {
    for (unsigned level = 1; level <= 4; ++level) EXPECT_EQ(make_writable(space.tables[level]), 0);
}

MmuextCommand pin_command(unsigned level) {
    return static_cast<MmuextCommand>(level - 1);
}

void check_level_by_level(const Space& space) {
    fill(space);
    for (unsigned level = 1; level <= 4; ++level) {
        EXPECT_EQ(mmuext(pin_command(level), space.tables[level].mfn), 0);
        EXPECT_TRUE(mmuext(pin_command(level), space.tables[level].mfn) < 0);  // once is enough
        EXPECT_TRUE(make_writable(space.tables[level]) < 0);
    }
    for (unsigned level = 1; level <= 3; ++level) {
        EXPECT_EQ(mmuext(MmuextCommand::UnpinTable, space.tables[level].mfn), 0);
        EXPECT_TRUE(mmuext(MmuextCommand::UnpinTable, space.tables[level].mfn) < 0);
        EXPECT_TRUE(make_writable(space.tables[level]) < 0);  // the level above holds it
    }
    EXPECT_EQ(mmuext(MmuextCommand::UnpinTable, space.tables[4].mfn), 0);
    expect_all_writable(space);
}

void check_switch(const Space& space) {
    fill(space);
    set_pfn_to_mfn(space.data.pfn, space.data.mfn);
    *space.data.words() = 0x1122'3344'5566'7788;
    const u64 home = top_table_mfn();
    EXPECT_EQ(mmuext(MmuextCommand::NewBaseptr, space.tables[4].mfn), 0);  // validates without a pin
    u64 seen = 0;
    const Fault fault = catch_fault([&] { seen = *reinterpret_cast<volatile u64*>(kAddress); });
    const bool write_ok = !catch_fault([&] { *reinterpret_cast<volatile u64*>(kAddress) = 42; }).happened;
    const bool table_writable = update_mapping(space.tables[1].bytes, pte(space.tables[1].mfn, kPteKernelData)) == 0;
    EXPECT_EQ(mmuext(MmuextCommand::NewBaseptr, home), 0);
    EXPECT_TRUE(!fault.happened && seen == 0x1122'3344'5566'7788 && write_ok && !table_writable);
    EXPECT_EQ(*space.data.words(), 42);
    EXPECT_TRUE(try_read(kAddress).happened);  // gone with the address space
    expect_all_writable(space);
}

void check_one_bad_entry(const Space& space) {
    for (unsigned bad_level = 1; bad_level <= 4; ++bad_level) {
        for (unsigned level = 1; level <= 4; ++level) EXPECT_EQ(make_writable(space.tables[level]), 0);
        fill(space);
        EXPECT_EQ(make_writable(space.tables[bad_level]), 0);
        // Level 1 maps a table writable; the others take a page that is writable for a table.
        const u64 bad = bad_level == 1 ? top_table_mfn() : space.data.mfn;
        set(space.tables[bad_level], 400, pte(bad, kPteTable));
        EXPECT_EQ(make_read_only(space.tables[bad_level]), 0);
        EXPECT_TRUE(mmuext(MmuextCommand::PinL4Table, space.tables[4].mfn) < 0);
        EXPECT_TRUE(mmuext(MmuextCommand::NewBaseptr, space.tables[4].mfn) < 0);
        EXPECT_EQ(make_writable(space.tables[bad_level]), 0);
        set(space.tables[bad_level], 400, 0);
    }
    expect_all_writable(space);
}

void check_many_references(const Space& space) {
    const Page l1 = space.tables[1], l2 = space.tables[2];
    for (unsigned i = 0; i < 512; ++i) {
        set(l1, i, pte(space.data.mfn, kPteKernelData));
        set(l2, i, pte(l1.mfn, kPteTable));
    }
    EXPECT_EQ(make_read_only(l1), 0);
    EXPECT_EQ(make_read_only(l2), 0);
    for (unsigned round = 0; round < 20; ++round) {
        EXPECT_EQ(mmuext(MmuextCommand::PinL2Table, l2.mfn), 0);
        EXPECT_TRUE(mmuext(MmuextCommand::PinL1Table, space.data.mfn) < 0);
        EXPECT_TRUE(make_writable(l1) < 0);
        EXPECT_EQ(mmuext(MmuextCommand::UnpinTable, l2.mfn), 0);
    }
    EXPECT_EQ(make_writable(l2), 0);
    EXPECT_EQ(make_writable(l1), 0);
    for (unsigned i = 0; i < 512; ++i) {
        set(l1, i, 0);
        set(l2, i, 0);
    }
    // No writable mapping is left, so the page may become a table.
    EXPECT_EQ(make_read_only(space.data), 0);
    EXPECT_EQ(mmuext(MmuextCommand::PinL1Table, space.data.mfn), 0);
    EXPECT_EQ(mmuext(MmuextCommand::UnpinTable, space.data.mfn), 0);
    EXPECT_EQ(make_writable(space.data), 0);
}

void check_small_operations(const Space& space) {
    EXPECT_EQ(mmuext(MmuextCommand::TlbFlushLocal, 0), 0);
    EXPECT_EQ(mmuext(MmuextCommand::TlbFlushAll, 0), 0);
    EXPECT_EQ(mmuext(MmuextCommand::InvlpgLocal, space.data.address()), 0);
    EXPECT_EQ(mmuext(MmuextCommand::InvlpgAll, space.data.address()), 0);
    u64 mask = 1;
    EXPECT_EQ(mmuext(MmuextCommand::TlbFlushMulti, 0, reinterpret_cast<u64>(&mask)), 0);
    EXPECT_EQ(mmuext(MmuextCommand::InvlpgMulti, space.data.address(), reinterpret_cast<u64>(&mask)), 0);
    const Page other = allocate_page();
    other.words()[7] = 77;
    EXPECT_EQ(mmuext(MmuextCommand::CopyPage, space.data.mfn, other.mfn), 0);
    EXPECT_EQ(space.data.words()[7], 77);
    EXPECT_EQ(mmuext(MmuextCommand::ClearPage, space.data.mfn), 0);
    EXPECT_EQ(space.data.words()[7], 0);
    EXPECT_TRUE(mmuext(MmuextCommand::ClearPage, top_table_mfn()) < 0);
    EXPECT_TRUE(mmuext(MmuextCommand::CopyPage, top_table_mfn(), other.mfn) < 0);
    EXPECT_TRUE(mmuext(static_cast<MmuextCommand>(14), 0) < 0);
    EXPECT_TRUE(mmuext(static_cast<MmuextCommand>(1000), 0) < 0);
}

}  // namespace

void guest::test_main() {
    const Space space = prepare();
    for (unsigned round = 0; round < 5; ++round) check_level_by_level(space);
    for (unsigned round = 0; round < 5; ++round) check_switch(space);
    check_one_bad_entry(space);
    check_many_references(space);
    check_small_operations(space);
}
