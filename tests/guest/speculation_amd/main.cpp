// Promised: a guest has what its kernel needs against leaks of an AMD processor of before SPEC_CTRL's SSBD, with the
// CPUID bits that say so. Exercised: SPEC_CTRL, PRED_CMD and VIRT_SPEC_CTRL, every bit of each, with a second vCPU on
// the same CPU; an interpreter, which leaks nothing and lets everything be tried (msr-sc). A pass means: bits that
// CPUID announces can be set and are the vCPU's own, all others are general protection faults.
#include "tests/guest/lib/own_register.hpp"

using namespace guest;

namespace {

constexpr u32 kSpecCtrl = 0x48, kPredCmd = 0x49, kArchCapabilities = 0x10a, kVirtSpecCtrl = 0xc001'011f;
constexpr u32 kIbpb = 1u << 12, kIbrs = 1u << 14, kStibp = 1u << 15, kSsbd = 1u << 24, kVirtSsbd = 1u << 25,
              kSsbNo = 1u << 26, kBtcNo = 1u << 29;
constexpr u32 kSbpb = 1u << 27, kSrsoNo = 1u << 29;

}  // namespace

void guest::test_main() {
    if (!on_hv()) skip("msr-sc on an interpreter is hv's own");
    REQUIRE_EQ(forced_cpuid(0).b, 0x6874'7541);  // "Auth"enticAMD
    EXPECT_EQ(forced_cpuid(0x8000'0008).b & (kIbpb | kIbrs | kStibp | kSsbd | kVirtSsbd | kSsbNo | kBtcNo),
              kIbpb | kIbrs | kStibp | kVirtSsbd | kSsbNo | kBtcNo);
    REQUIRE_EQ(forced_cpuid(0x8000'0000).a, 0x8000'0021);
    EXPECT_EQ(forced_cpuid(0x8000'0021).a & (kSbpb | kSrsoNo), kSbpb | kSrsoNo);
    EXPECT_EQ(forced_cpuid(0x8000'0021).c & 6, 6);  // TSA_SQ_NO, TSA_L1_NO
    u64 value = 0;
    EXPECT_TRUE(read_msr(kArchCapabilities, value).happened);
    check_bits(kSpecCtrl, 3);
    check_command(kPredCmd, 0x81);
    check_bits(kVirtSpecCtrl, 4);
    check_own<kVirtSpecCtrl>(4, 0);
}
