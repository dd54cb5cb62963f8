// Promised: Dom0 reaches the machine's first MiB, RAM or not, as Linux does when it looks for the firmware's tables
// there; what hv keeps in it can be read and not written, and hv's own memory above it cannot be mapped at all.
// Exercised: read-only and writable mappings of each frame below 1 MiB, plain and in the name of DOMID_IO; a mapping of
// hv's first frame. A pass means: each frame of the first MiB can be read, all but hv's one can be mapped writable.
#include "tests/guest/lib/guest.hpp"
#include "tests/guest/lib/memory.hpp"

using namespace guest;

namespace {

constexpr u64 kFrames = 0x100;
constexpr u64 kFirstOfHv = kFrames;  // hv's image is loaded at 1 MiB

void check_readable(const Page& window) {
    u64 sum = 0;
    for (u64 mfn = 0; mfn < kFrames; ++mfn) {
        EXPECT_EQ(update_mapping(window.bytes, pte(mfn, kPteReadOnly)), 0);
        sum += *const_cast<const volatile u64*>(window.words());
    }
    EXPECT_TRUE(sum != 0);  // the interrupt table and the firmware are there
    EXPECT_EQ(update_entry(entry_machine_address(window.address(), 1), pte(0x80, kPteReadOnly),
                           MmuCommand::NormalPtUpdate, kDomidIo),
              0);
}

void check_writable(const Page& window) {
    u64 refused = 0;
    for (u64 mfn = 0; mfn < kFrames; ++mfn) {
        EXPECT_EQ(update_mapping(window.bytes, pte(mfn, kPteKernelData)), 0);
        if (!(*entry_for(window.address(), 1) & kPteWritable)) ++refused;
    }
    if (on_hv()) EXPECT_EQ(refused, 1);
}

}  // namespace

void guest::test_main() {
    const Page window = allocate_page();
    check_readable(window);
    check_writable(window);
    EXPECT_TRUE(update_mapping(window.bytes, pte(kFirstOfHv, kPteReadOnly)) < 0);
    EXPECT_EQ(update_mapping(window.bytes, pte(window.mfn, kPteKernelData)), 0);
}
