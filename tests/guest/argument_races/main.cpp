// Promised: hypercall arguments are fetched once; what another vCPU makes of them meanwhile changes nothing.
// Exercised: a second vCPU flips page-table entries, frame lists, descriptors and grant copies between a harmless and a
// hostile value while the first one passes them to hv again and again.
// A pass means: after tens of thousands of rounds no table was ever mapped writable and the host is alive.
#include "tests/guest/lib/guest.hpp"
#include "tests/guest/lib/memory.hpp"
#include "tests/guest/lib/traps.hpp"
#include "tests/guest/lib/vcpu.hpp"

using namespace guest;

namespace {

constexpr unsigned kRounds = 4000;

volatile bool stop;
volatile bool started;
u64 harmless, hostile;
volatile u64* target;

void flip(void*) {
    started = true;
    while (!stop) {
        *target = hostile;
        *target = harmless;
    }
}

template <class Round>
void race(volatile u64* where, u64 good, u64 bad, Round round) {
    static bool initialised;
    target = where;
    harmless = good;
    hostile = bad;
    stop = false;
    started = false;
    // Once initialised, `up` goes on in secondary_done(): so the racing vCPU is started only once and retargeted.
    if (!initialised) REQUIRE_EQ(start_vcpu(1, flip, nullptr), 0);
    initialised = true;
    while (!started) yield();
    for (unsigned i = 0; i < kRounds; ++i) round();
}

void expect_never_writable(const Page& slot, u64 table_mfn) {
    const u64 now = *entry_for(slot.address(), 1);
    EXPECT_TRUE(pte_frame(now) != table_mfn || !(now & kPteWritable));
}

}  // namespace

void guest::test_main() {
    if (vcpu_count() < 2) skip("needs two vCPUs");
    const Page slot = allocate_page(), table = make_table();
    REQUIRE_EQ(mmuext(MmuextCommand::PinL1Table, table.mfn), 0);
    static MmuUpdate update;
    update = {entry_machine_address(slot.address(), 1), pte(slot.mfn, kPteKernelData)};
    race(&update.val, pte(slot.mfn, kPteKernelData), pte(table.mfn, kPteKernelData), [&] {
        u32 done;
        hypercall(HypercallId::MmuUpdate, &update, 1, &done, kDomidSelf);
        expect_never_writable(slot, table.mfn);
    });

    // The same vCPU goes on, with other words under attack.
    static MmuextOp operation;
    operation = {static_cast<u32>(MmuextCommand::PinL1Table), 0, {table.mfn}, {}};
    const auto retarget = [](volatile u64* where, u64 good, u64 bad) {
        harmless = hostile = *where;
        target = where;
        harmless = good;
        hostile = bad;
    };
    retarget(&operation.arg1.mfn, ~0ull >> 12, slot.mfn);
    for (unsigned i = 0; i < kRounds; ++i) {
        if (hypercall(HypercallId::MmuextOp, &operation, 1, nullptr, kDomidSelf) == 0)
            note_failure(Text{}.add("a writable page was pinned"));
    }

    static u64 frames[16];
    const Page gdt = allocate_page();
    REQUIRE_EQ(make_read_only(gdt), 0);
    retarget(&frames[0], gdt.mfn, table.mfn);
    for (unsigned i = 0; i < kRounds; ++i) {
        hypercall(HypercallId::SetGdt, frames, 512);
        hypercall(HypercallId::SetGdt, frames, 0);
    }

    static MulticallEntry call;
    call = {static_cast<u64>(HypercallId::UpdateVaMapping),
            0,
            {slot.address(), pte(slot.mfn, kPteKernelData), kUvmfInvlpg}};
    retarget(&call.args[1], pte(slot.mfn, kPteKernelData), pte(table.mfn, kPteKernelData));
    for (unsigned i = 0; i < kRounds; ++i) {
        hypercall(HypercallId::Multicall, &call, 1);
        expect_never_writable(slot, table.mfn);
    }

    static u64 extents[2];
    static MemoryReservation reservation;
    reservation = {reinterpret_cast<u64>(extents), 1, 0, 0, kDomidSelf, {}};
    extents[0] = ~0ull >> 12;
    retarget(&reservation.extent_start, 0x1000, kHypervisorVirtStart);
    for (unsigned i = 0; i < kRounds; ++i) memory_op(MemoryCommand::DecreaseReservation, &reservation);

    stop = true;
    wait_until_down(1);
    EXPECT_EQ(mmuext(MmuextCommand::UnpinTable, table.mfn), 0);
    EXPECT_EQ(update_mapping(slot.bytes, pte(slot.mfn, kPteKernelData)), 0);
    EXPECT_EQ(make_writable(table), 0);
    EXPECT_EQ(make_writable(gdt), 0);
}
