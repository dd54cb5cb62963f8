// Promised: page tables that a vCPU runs on stay valid as long as it does, whatever the other vCPUs do.
// Exercised: a second vCPU runs on a top table of its own; the first one unpins it, tries to write to it and to its
// lower levels, takes it for something else; the vCPU goes home. A pass means: the tables stayed typed until the vCPU
// had left them, and were free right after.
#include "tests/guest/lib/guest.hpp"
#include "tests/guest/lib/memory.hpp"
#include "tests/guest/lib/traps.hpp"
#include "tests/guest/lib/vcpu.hpp"

using namespace guest;

namespace {

constexpr u64 kAddress = 0x0000'5555'5555'5000;

volatile u32 stage;
u64 top_frame, home_frame;
volatile u64 seen;
volatile long switched;

void runner(void*) {
    switched = mmuext(MmuextCommand::NewBaseptr, top_frame);
    stage = 1;
    while (stage == 1) seen = *reinterpret_cast<volatile u64*>(kAddress);
    mmuext(MmuextCommand::NewBaseptr, home_frame);
    stage = 3;
}

}  // namespace

void guest::test_main() {
    if (vcpu_count() < 2) skip("needs two vCPUs");
    const Page data = allocate_page();
    data.words()[0] = 4711;
    Page tables[5];
    for (unsigned level = 1; level <= 4; ++level) tables[level] = allocate_page();
    tables[1].words()[kAddress >> 12 & 511] = pte(data.mfn, kPteKernelData);
    for (unsigned level = 2; level <= 4; ++level)
        tables[level].words()[kAddress >> (12 + 9 * (level - 1)) & 511] = pte(tables[level - 1].mfn, kPteTable);
    tables[4].words()[511] = *entry_for(kVirtBase, 4);
    for (unsigned level = 1; level <= 4; ++level) REQUIRE_EQ(make_read_only(tables[level]), 0);
    REQUIRE_EQ(mmuext(MmuextCommand::PinL4Table, tables[4].mfn), 0);
    top_frame = tables[4].mfn;
    home_frame = top_table_mfn();

    REQUIRE_EQ(start_vcpu(1, runner, nullptr), 0);
    while (stage != 1) yield();
    REQUIRE_EQ(switched, 0);
    while (seen != 4711) yield();
    EXPECT_EQ(mmuext(MmuextCommand::UnpinTable, tables[4].mfn), 0);
    for (unsigned level = 1; level <= 4; ++level) EXPECT_TRUE(make_writable(tables[level]) < 0);
    EXPECT_TRUE(mmuext(MmuextCommand::PinL2Table, tables[4].mfn) < 0);
    EXPECT_TRUE(mmuext(MmuextCommand::PinL3Table, tables[1].mfn) < 0);
    u64 extent = tables[4].mfn;
    MemoryReservation reservation{reinterpret_cast<u64>(&extent), 1, 0, 0, kDomidSelf, {}};
    EXPECT_EQ(update_mapping(tables[4].bytes, 0), 0);
    if (memory_op(MemoryCommand::DecreaseReservation, &reservation) == 1) {
        // Given back, but alive while it is in use.
        for (unsigned i = 0; i < 1000; ++i) yield();
        EXPECT_EQ(seen, 4711);
        tables[4].mfn = 0;
    }
    data.words()[0] = 4712;
    while (seen != 4712) yield();
    stage = 2;
    while (stage != 3) yield();
    wait_until_down(1);
    if (tables[4].mfn) EXPECT_EQ(update_mapping(tables[4].bytes, pte(tables[4].mfn, kPteKernelData)), 0);
    for (unsigned level = 1; level <= 3; ++level) EXPECT_EQ(make_writable(tables[level]), 0);
}
