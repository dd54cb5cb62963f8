// What the processor says about itself.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "hv/x86/leaks/cpuid_bits.hpp"
#include "hv/x86/leaks/topology.hpp"

namespace hv::x86 {

inline CpuidLeaf cpuid(std::uint32_t leaf, std::uint32_t subleaf = 0) {
    CpuidLeaf result;
    asm volatile("cpuid"
                 : "=a"(result.eax), "=b"(result.ebx), "=c"(result.ecx), "=d"(result.edx)
                 : "a"(leaf), "c"(subleaf));
    return result;
}

// Registers that are kept of the boot CPU.
enum class FeatureWord : std::uint8_t {
    OneEdx,
    OneEcx,
    SevenEbx,
    SevenEcx,
    ExtendedEdx,
    ExtendedEcx,
    PowerEdx,
    ThermalEax
};
inline constexpr unsigned kFeatureWords = 8;

enum class Feature : std::uint16_t {
    // 1 edx
    Fpu = cpuid_bit(FeatureWord::OneEdx, 0),
    Vme = cpuid_bit(FeatureWord::OneEdx, 1),
    De = cpuid_bit(FeatureWord::OneEdx, 2),
    Pse = cpuid_bit(FeatureWord::OneEdx, 3),
    Tsc = cpuid_bit(FeatureWord::OneEdx, 4),
    Msr = cpuid_bit(FeatureWord::OneEdx, 5),
    Pae = cpuid_bit(FeatureWord::OneEdx, 6),
    Mce = cpuid_bit(FeatureWord::OneEdx, 7),
    Cx8 = cpuid_bit(FeatureWord::OneEdx, 8),
    Apic = cpuid_bit(FeatureWord::OneEdx, 9),
    Sep = cpuid_bit(FeatureWord::OneEdx, 11),
    Mtrr = cpuid_bit(FeatureWord::OneEdx, 12),
    Pge = cpuid_bit(FeatureWord::OneEdx, 13),
    Mca = cpuid_bit(FeatureWord::OneEdx, 14),
    Cmov = cpuid_bit(FeatureWord::OneEdx, 15),
    Pat = cpuid_bit(FeatureWord::OneEdx, 16),
    Pse36 = cpuid_bit(FeatureWord::OneEdx, 17),
    Clflush = cpuid_bit(FeatureWord::OneEdx, 19),
    Acpi = cpuid_bit(FeatureWord::OneEdx, 22),
    Mmx = cpuid_bit(FeatureWord::OneEdx, 23),
    Fxsr = cpuid_bit(FeatureWord::OneEdx, 24),
    Sse = cpuid_bit(FeatureWord::OneEdx, 25),
    Sse2 = cpuid_bit(FeatureWord::OneEdx, 26),
    Htt = cpuid_bit(FeatureWord::OneEdx, 28),
    // 1 ecx
    Sse3 = cpuid_bit(FeatureWord::OneEcx, 0),
    Monitor = cpuid_bit(FeatureWord::OneEcx, 3),
    Vmx = cpuid_bit(FeatureWord::OneEcx, 5),
    Pcid = cpuid_bit(FeatureWord::OneEcx, 17),
    X2Apic = cpuid_bit(FeatureWord::OneEcx, 21),
    TscDeadline = cpuid_bit(FeatureWord::OneEcx, 24),
    Xsave = cpuid_bit(FeatureWord::OneEcx, 26),
    Hypervisor = cpuid_bit(FeatureWord::OneEcx, 31),
    // 7.0 ebx
    Smep = cpuid_bit(FeatureWord::SevenEbx, 7),
    Erms = cpuid_bit(FeatureWord::SevenEbx, 9),
    Smap = cpuid_bit(FeatureWord::SevenEbx, 20),
    // 7.0 ecx
    Umip = cpuid_bit(FeatureWord::SevenEcx, 2),
    Pku = cpuid_bit(FeatureWord::SevenEcx, 3),
    Rdpid = cpuid_bit(FeatureWord::SevenEcx, 22),
    // 0x80000001 edx
    Syscall = cpuid_bit(FeatureWord::ExtendedEdx, 11),
    Nx = cpuid_bit(FeatureWord::ExtendedEdx, 20),
    Page1G = cpuid_bit(FeatureWord::ExtendedEdx, 26),
    Rdtscp = cpuid_bit(FeatureWord::ExtendedEdx, 27),
    LongMode = cpuid_bit(FeatureWord::ExtendedEdx, 29),
    // 0x80000001 ecx
    Svm = cpuid_bit(FeatureWord::ExtendedEcx, 2),
    TopologyExt = cpuid_bit(FeatureWord::ExtendedEcx, 22),
    // 0x80000007 edx
    InvariantTsc = cpuid_bit(FeatureWord::PowerEdx, 8),
    // 6 eax
    Arat = cpuid_bit(FeatureWord::ThermalEax, 2),
};

struct CpuModel : Signature, Topology {
    Vendor vendor = Vendor::Other;
    std::uint32_t max_leaf = 0, max_extended_leaf = 0;
    std::uint32_t physical_bits = 36, linear_bits = 48;
    std::array<char, 13> vendor_text{};
    std::array<char, 49> brand{};
};

void identify_cpu();  // boot CPU, once
const CpuModel& cpu_model();
bool cpu_has(Feature feature);  // of the boot CPU
bool emulated_by_tcg();         // QEMU without KVM

// Control registers and MSRs that every CPU sets alike: NX, WP, SMEP, SMAP, UMIP, PGE, OSFXSR, OSXSAVE and XCR0, PAT.
void enable_cpu_features();
// Before paging starts: nothing of hv stays in the TLB when CR3 changes.
void disable_global_pages();
// CR4 as hv keeps it, and the XCR0 bits that the CPU has (0 without XSAVE).
std::uint64_t hv_cr4();
std::uint64_t supported_xcr0();

}  // namespace hv::x86
