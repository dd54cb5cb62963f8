#include "hv/x86/policy/cpuid_policy.hpp"

#include "hv/base/version.hpp"
#include "hv/domain/domain.hpp"
#include "hv/machine/clock.hpp"
#include "hv/x86/cpu/cpuid.hpp"
#include "hv/x86/cpu/registers.hpp"
#include "hv/x86/leaks/guest_controls.hpp"
#include "hv/x86/vcpu/arch_vcpu.hpp"
#include "hv/x86/vcpu/fpu.hpp"
#include "hv/x86/vcpu/guest_kind.hpp"
#include "hv/x86/vcpu/speculation_controls.hpp"

namespace hv::x86 {
namespace {

template <class... Bits>
constexpr std::uint32_t mask(Bits... bits) {
    return ((1u << bits) | ... | 0u);
}

// Names in the order of the bits, Intel SDM volume 2 "CPUID" and AMD APM volume 3 appendix E.
constexpr std::uint32_t kLeaf1Ecx = mask(/*sse3*/ 0, /*pclmul*/ 1, /*ssse3*/ 9, /*fma*/ 12, /*cx16*/ 13, /*sse4.1*/ 19,
                                         /*sse4.2*/ 20, /*movbe*/ 22, /*popcnt*/ 23,
                                         /*aes*/ 25, /*xsave*/ 26, /*avx*/ 28, /*f16c*/ 29, /*rdrand*/ 30);
constexpr std::uint32_t kLeaf1Edx = mask(/*fpu*/ 0, /*de*/ 2, /*tsc*/ 4, /*msr*/ 5, /*pae*/ 6, /*mce*/ 7, /*cx8*/ 8,
                                         /*apic*/ 9, /*sep*/ 11, /*mca*/ 14, /*cmov*/ 15, /*pat*/ 16, /*clflush*/ 19,
                                         /*mmx*/ 23, /*fxsr*/ 24, /*sse*/ 25, /*sse2*/ 26);
constexpr std::uint32_t kLeaf7Ebx = mask(/*bmi1*/ 3, /*avx2*/ 5, /*bmi2*/ 8, /*erms*/ 9, /*avx512f*/ 16,
                                         /*avx512dq*/ 17, /*rdseed*/ 18, /*adx*/ 19, /*avx512ifma*/ 21,
                                         /*clflushopt*/ 23, /*clwb*/ 24, /*avx512pf*/ 26, /*avx512er*/ 27,
                                         /*avx512cd*/ 28, /*sha*/ 29, /*avx512bw*/ 30, /*avx512vl*/ 31);
constexpr std::uint32_t kLeaf7Ecx =
    mask(/*prefetchwt1*/ 0, /*avx512vbmi*/ 1, /*avx512vbmi2*/ 6, /*gfni*/ 8, /*vaes*/ 9, /*vpclmulqdq*/ 10,
         /*avx512vnni*/ 11, /*avx512bitalg*/ 12, /*avx512vpopcntdq*/ 14);
constexpr std::uint32_t kLeaf7EcxAlways = mask(/*rdpid*/ 22);  // emulated where the processor has none
constexpr std::uint32_t kLeaf7Edx = mask(/*avx512_4vnniw*/ 2, /*avx512_4fmaps*/ 3, /*fsrm*/ 4);
constexpr std::uint32_t kExtended1Ecx = mask(/*lahf*/ 0, /*abm*/ 5, /*sse4a*/ 6, /*misalignsse*/ 7, /*3dnowprefetch*/ 8,
                                             /*xop*/ 11, /*fma4*/ 16, /*tbm*/ 21);
constexpr std::uint32_t kExtended1Edx =
    mask(/*syscall*/ 11, /*nx*/ 20, /*mmxext*/ 22, /*lm*/ 29, /*3dnowext*/ 30, /*3dnow*/ 31);
// AMD repeats leaf 1's low bits there.
constexpr std::uint32_t kExtended1Shared = mask(0, 2, 4, 5, 6, 7, 8, 9, 14, 15, 16, 23, 24);
constexpr std::uint32_t kLargestBasicLeaf = 0xd;
constexpr std::uint32_t kLargestExtendedLeaf = 0x80000008, kAmdFeaturesLeaf = 0x80000021;

CpuidLeaf xsave_leaf(std::uint32_t subleaf) {
    if (!cpu_has(Feature::Xsave)) return {};
    const CpuidLeaf raw = cpuid(0xd, subleaf);
    const std::uint64_t allowed = guest_xcr0_mask();
    if (subleaf == 0) {
        // ebx is the size for the XCR0 that is loaded: the guest's. ecx is for all that it may enable.
        const auto largest = static_cast<std::uint32_t>(guest_xsave_bytes());
        return {static_cast<std::uint32_t>(allowed), raw.ebx, largest, static_cast<std::uint32_t>(allowed >> 32)};
    }
    if (subleaf == 1) return {raw.eax & 7, 0, 0, 0};  // XSAVEOPT, XSAVEC, XGETBV 1; no supervisor states
    if (subleaf < 63 && ((allowed >> subleaf) & 1)) return raw;
    return {};
}

// Leaf 7: what helps against leaks is not the processor's own answer (leaks/guest_controls.hpp).
CpuidLeaf features_leaf(const GuestControls& controls, std::uint32_t subleaf, const CpuidLeaf& raw) {
    if (subleaf == 0)
        return {controls.seven_two_edx != 0 ? 2u : 0u, raw.ebx & kLeaf7Ebx, (raw.ecx & kLeaf7Ecx) | kLeaf7EcxAlways,
                (raw.edx & kLeaf7Edx) | controls.seven_edx};
    return {0, 0, 0, subleaf == 2 ? controls.seven_two_edx : 0};
}

// AMD's processors that are older than the last of these leaves may have something to tell there too.
std::uint32_t largest_extended_leaf(const GuestControls& controls, std::uint32_t raw) {
    if (raw < 0x8000'0000) return raw;
    if ((controls.features_eax | controls.features_ecx) != 0) return kAmdFeaturesLeaf;
    return raw < kLargestExtendedLeaf && controls.sizes_ebx == 0 ? raw : kLargestExtendedLeaf;
}

// "XenVMMXenVMM": public cpuid.h of the interface.
CpuidLeaf hypervisor_leaf(std::uint32_t leaf, std::uint32_t subleaf) {
    switch (leaf & 0xff) {
        case 0: return {0x40000005, 0x566e6558, 0x65584d4d, 0x4d4d566e};
        case 1: return {kXenVersionWord, 0, 0, 0};
        case 2: return {1, 0x40000000, 0, 0};
        case 3:
            if (subleaf == 0)
                return {time::tsc_stable() ? 1u << 1 : 0, 0, static_cast<std::uint32_t>(time::tsc_khz()), 0};
            if (subleaf == 2) return {static_cast<std::uint32_t>(time::tsc_khz()), 0, 0, 0};
            return {};
        case 5: return {0, cpu_model().physical_bits, 0, 0};
        default: return {};
    }
}

CpuidLeaf policy(Vcpu& vcpu, std::uint32_t leaf, std::uint32_t subleaf, CpuidLeaf raw) {
    if ((leaf & 0xffffff00) == 0x40000000) return hypervisor_leaf(leaf, subleaf);
    const GuestControls& controls = controls_of(vcpu.domain);
    switch (leaf) {
        case 0: raw.eax = raw.eax < kLargestBasicLeaf ? raw.eax : kLargestBasicLeaf; return raw;
        case 1:
            raw.ebx = (raw.ebx & 0xffff) | (1u << 16) | (vcpu.id.raw << 25);
            raw.ecx = (raw.ecx & kLeaf1Ecx) | (1u << 31);
            if (vcpu.arch->cr4 & kCr4Osxsave) raw.ecx |= 1u << 27;
            raw.edx &= kLeaf1Edx;
            return raw;
        case 2: return raw;
        case 4: raw.eax &= 0x3fff; return raw;  // caches; not how many threads and cores share them
        case 7: return features_leaf(controls, subleaf, raw);
        case 0xd: return xsave_leaf(subleaf);
        case 0x80000000: raw.eax = largest_extended_leaf(controls, raw.eax); return raw;
        case 0x80000001:
            raw.ecx &= kExtended1Ecx;
            raw.edx &= kExtended1Edx | kExtended1Shared | (cpu_has(Feature::Rdtscp) ? 1u << 27 : 0);
            return raw;
        case 0x80000002:
        case 0x80000003:
        case 0x80000004:
        case 0x80000005:
        case 0x80000006: return raw;
        case 0x80000007: return {0, 0, 0, time::tsc_stable() ? 1u << 8 : 0};
        case kLargestExtendedLeaf: return {raw.eax, (raw.ebx & 1) | controls.sizes_ebx, 0, 0};
        case kAmdFeaturesLeaf: return {controls.features_eax, 0, controls.features_ecx, 0};
        default: return {};
    }
}

}  // namespace

void emulate_cpuid(Vcpu& vcpu, TrapFrame& frame) {
    const auto leaf = static_cast<std::uint32_t>(frame.rax), subleaf = static_cast<std::uint32_t>(frame.rcx);
    const CpuidLeaf processor = cpuid(leaf, subleaf);
    CpuidLeaf shown = policy(vcpu, leaf, subleaf, processor);
    kind_of(vcpu.domain).filter_cpuid(vcpu, leaf, subleaf, processor, shown);
    frame.rax = shown.eax;
    frame.rbx = shown.ebx;
    frame.rcx = shown.ecx;
    frame.rdx = shown.edx;
}

}  // namespace hv::x86
