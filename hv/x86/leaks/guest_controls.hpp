// What guests are given to protect themselves: bits of CPUID and of IA32_ARCH_CAPABILITIES that tell them what the
// processor leaks and is able to do, and the registers that go with them. One answer for all guests, and a filter for
// each kind of them.
#pragma once

#include "hv/x86/leaks/mitigations.hpp"

namespace hv::x86 {

// What a kind of guest makes no good use of.
struct GuestFilter {
    // Its kernel runs in ring 3, where the processor cannot tell it from its programs: a means that only keeps user
    // mode from supervisor mode does not protect it, and a kernel that is told of such a means leaves out those that
    // would.
    bool kernel_is_user;
};
inline constexpr GuestFilter kPvFilter = {.kernel_is_user = true};

// All 0: nothing is shown, and there is no such register.
struct GuestControls {
    std::uint32_t seven_edx = 0;      // CPUID leaf 7.0
    std::uint32_t seven_two_edx = 0;  // 7.2
    std::uint32_t sizes_ebx = 0;      // 0x80000008
    std::uint32_t features_eax = 0;   // 0x80000021
    std::uint32_t features_ecx = 0;
    std::uint64_t arch_capabilities = 0;  // where seven_edx announces them
    // The bits that may be set in each.
    std::uint64_t spec_ctrl = 0;
    std::uint64_t pred_cmd = 0;
    std::uint64_t flush_cmd = 0;
    std::uint64_t virt_spec_ctrl = 0;
    std::uint64_t ls_cfg_ssbd = 0;  // the bit of the processor's that is behind virt_spec_ctrl (virtual_ssbd.hpp)

    bool has_arch_capabilities() const {
        return seven_edx & (1u << (static_cast<unsigned>(CpuidBit::ArchCapabilities) % 32));
    }
};

// `at_work`: of what is wanted, what is done (report.hpp).
GuestControls controls_for(const GuestFilter& filter, const Identification& id, const Mitigations& mitigations,
                           Measures at_work);

inline constexpr std::uint64_t kVirtSpecCtrlSsbd = 1u << 2;

}  // namespace hv::x86
