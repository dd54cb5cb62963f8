// Promised: a guest has what its kernel needs against leaks of an Intel processor, with the CPUID bits that say so.
// Exercised: SPEC_CTRL, PRED_CMD, FLUSH_CMD and ARCH_CAPABILITIES, every bit of each, with a second vCPU on the same
// CPU; an interpreter, which leaks nothing and lets everything be tried (msr-sc). A pass means: bits that CPUID
// announces can be set and are the vCPU's own, all others are general protection faults.
#include "tests/guest/lib/own_register.hpp"

using namespace guest;

namespace {

constexpr u32 kSpecCtrl = 0x48, kPredCmd = 0x49, kArchCapabilities = 0x10a, kFlushCmd = 0x10b;
constexpr u64 kIbrs = 1, kStibp = 2, kSsbd = 4, kPsfd = 0x80;
constexpr u32 kLeaf7 = 1u << 10 | 1u << 26 | 1u << 27 | 1u << 28 | 1u << 29 | 1u << 31;

// What it says that the processor has not: RDCL, SSB, MDS, TAA, MMIO stale data in three parts, BHI, GDS, RFDS, ITS.
constexpr u64 kSound = 1u << 0 | 1u << 4 | 1u << 5 | 1u << 8 | 7u << 13 | 1u << 20 | 1u << 26 | 1u << 27 | u64{1} << 62;

}  // namespace

void guest::test_main() {
    if (!on_hv()) skip("msr-sc on an interpreter is hv's own");
    REQUIRE_EQ(forced_cpuid(0).b, 0x756e'6547);  // "Genu"ineIntel
    EXPECT_EQ(forced_cpuid(7).d & kLeaf7, kLeaf7);
    EXPECT_EQ(forced_cpuid(7).a, 2);
    EXPECT_EQ(forced_cpuid(7, 2).d & ~(1u << 5), 1);  // PSFD, and nothing of ring 0 alone
    EXPECT_EQ(forced_cpuid(7, 1).a, 0);
    u64 capabilities = 0;
    EXPECT_TRUE(!read_msr(kArchCapabilities, capabilities).happened);
    EXPECT_EQ(capabilities & kSound, kSound);
    EXPECT_TRUE(write_msr(kArchCapabilities, capabilities).happened);
    check_bits(kSpecCtrl, kIbrs | kStibp | kSsbd | kPsfd);
    check_command(kPredCmd, 1);
    check_command(kFlushCmd, 1);
    check_own<kSpecCtrl>(kSsbd, kIbrs | kStibp);
}
