// Promised: a page becomes a page table or descriptor table only when no processor can write to it any more, not even
// through a translation that it still remembers.
// Exercised: a second vCPU keeps a writable translation warm; the first one makes the mapping read-only without asking
// for a flush, turns the page into an L1 table, an L4 table or a GDT, and has the second one write at once. A pass
// means: in all rounds no hostile value was found in a live table.
#include "tests/guest/lib/guest.hpp"
#include "tests/guest/lib/memory.hpp"
#include "tests/guest/lib/traps.hpp"
#include "tests/guest/lib/vcpu.hpp"

using namespace guest;

namespace {

constexpr unsigned kRounds = 40;
constexpr unsigned kWord = 5;

volatile bool stop, attack, attacked;
volatile u64 warm;
volatile u64* target;
u64 hostile;

void attacker(void*) {
    while (!stop) {
        if (!attack) {
            catch_fault([] { *target = 0; });
            warm = warm + 1;
            continue;
        }
        catch_fault([] { *target = hostile; });
        attacked = true;
        while (attack && !stop) asm volatile("pause");
    }
}

// `become` turns the read-only page into a table, `end` undoes it.
template <class Become, class End>
void fight(const Page& page, u64 value, Become become, End end) {
    unsigned turned = 0;
    hostile = value;
    for (unsigned round = 0; round < kRounds; ++round) {
        const u64 before = warm;
        while (warm < before + 2) asm volatile("pause");
        REQUIRE_EQ(update_mapping(page.bytes, pte(page.mfn, kPteReadOnly), kUvmfNone), 0);
        if (become()) {
            ++turned;
            attacked = false;
            attack = true;
            while (!attacked) asm volatile("pause");
            if (page.words()[kWord] == value) {
                note_failure(Text{}.add("round ", round, ": a live table was written to"));
                give_verdict();
            }
            REQUIRE_TRUE(end());
            REQUIRE_EQ(make_writable(page), 0);
            attack = false;
        } else {
            REQUIRE_EQ(make_writable(page), 0);
        }
    }
    EXPECT_TRUE(turned > 0);
}

}  // namespace

void guest::test_main() {
    if (vcpu_count() < 2) skip("needs two vCPUs");
    const Page page = allocate_page();
    target = page.words() + kWord;
    REQUIRE_EQ(start_vcpu(1, attacker, nullptr), 0);
    const u64 writable_table = pte(top_table_mfn(), kPteKernelData);
    const auto unpin = [&] { return mmuext(MmuextCommand::UnpinTable, page.mfn) == 0; };
    fight(
        page, writable_table, [&] { return mmuext(MmuextCommand::PinL1Table, page.mfn) == 0; }, unpin);
    fight(
        page, pte(page.mfn, kPteTable), [&] { return mmuext(MmuextCommand::PinL4Table, page.mfn) == 0; }, unpin);
    u64 frame = page.mfn;
    constexpr u64 kCallGateToRing0 = 0x0000'ec00'e008'1234;
    fight(
        page, kCallGateToRing0, [&] { return hypercall(HypercallId::SetGdt, &frame, 512) == 0; },
        [&] { return hypercall(HypercallId::SetGdt, &frame, 0) == 0; });
    stop = true;
    wait_until_down(1);
}
