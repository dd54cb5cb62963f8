// Promised: a domain that gives a frame up cannot write to it any more, whatever a TLB still has. Exercised: one vCPU
// writes to a page all the time while the other unmaps it without a flush, gives it up, and has the hypervisor take it
// for its own use, as a page of the grant table. A pass means: that page is what a fresh one must be, zero, and did
// come from the frame that was given up.
#include "tests/guest/lib/guest.hpp"
#include "tests/guest/lib/memory.hpp"
#include "tests/guest/lib/traps.hpp"
#include "tests/guest/lib/vcpu.hpp"

using namespace guest;

namespace {

constexpr u64 kWord = 0x4141'4242'4343'4444;
constexpr unsigned kIndex = 100;
constexpr u32 kRounds = 40;  // as many grant frames as a domain may have, at least

volatile bool stop, attack, idle;
volatile u64 written;
volatile u64* volatile target;

void write_always(void*) {
    while (!stop) {
        idle = true;
        if (!attack) continue;
        idle = false;
        catch_fault([] {
            volatile u64* const where = target;
            while (attack) {
                *where = kWord;
                written = written + 1;
            }
        });
        while (attack && !stop) asm volatile("pause");
    }
}

void wait(bool (*done)()) {
    while (!done()) asm volatile("pause");
}

}  // namespace

void guest::test_main() {
    if (vcpu_count() < 2) skip("needs two vCPUs");
    REQUIRE_EQ(start_vcpu(1, write_always, nullptr), 0);
    static u64 frames[kRounds];
    const Page window = allocate_page();
    unsigned same = 0;
    for (u32 count = 1; count < kRounds; ++count) {
        allocate_page();
        const Page page = allocate_page();
        target = page.words() + kIndex;
        written = 0;
        wait([]() -> bool { return idle; });
        attack = true;
        wait([]() -> bool { return written > 1000; });
        EXPECT_EQ(update_mapping(page.bytes, 0, kUvmfNone), 0);
        u64 frame = page.mfn;
        MemoryReservation reservation{reinterpret_cast<u64>(&frame), 1, 0, 0, kDomidSelf, {}};
        EXPECT_EQ(memory_op(MemoryCommand::DecreaseReservation, &reservation), 1);
        GnttabSetupTable table{};
        table.domid = kDomidSelf;
        table.nr_frames = count;
        table.frame_list = reinterpret_cast<u64>(frames);
        const bool grown = grant_op(GrantCommand::SetupTable, &table) == 0 && table.status == 0;
        attack = false;
        if (!grown) break;
        if (frames[count - 1] != page.mfn) continue;
        ++same;
        REQUIRE_EQ(update_mapping(window.bytes, pte(frames[count - 1], kPteKernelData)), 0);
        EXPECT_EQ(window.words()[kIndex], 0);
    }
    stop = true;
    attack = false;
    // Another implementation may take its frames from elsewhere.
    if (on_hv()) EXPECT_TRUE(same > 0);
}
