// What the processor says about itself.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "hv/x86/leaks/topology.hpp"

namespace hv::x86 {

inline CpuidLeaf cpuid(std::uint32_t leaf, std::uint32_t subleaf = 0) {
    CpuidLeaf result;
    asm volatile("cpuid"
                 : "=a"(result.eax), "=b"(result.ebx), "=c"(result.ecx), "=d"(result.edx)
                 : "a"(leaf), "c"(subleaf));
    return result;
}

// word * 32 + bit; words are listed in kFeatureWords (cpuid.cpp).
enum class Feature : std::uint16_t {
    // 1 edx
    Fpu = 0,
    Vme = 1,
    De = 2,
    Pse = 3,
    Tsc = 4,
    Msr = 5,
    Pae = 6,
    Mce = 7,
    Cx8 = 8,
    Apic = 9,
    Sep = 11,
    Mtrr = 12,
    Pge = 13,
    Mca = 14,
    Cmov = 15,
    Pat = 16,
    Pse36 = 17,
    Clflush = 19,
    Acpi = 22,
    Mmx = 23,
    Fxsr = 24,
    Sse = 25,
    Sse2 = 26,
    Htt = 28,
    // 1 ecx
    Sse3 = 32,
    Monitor = 32 + 3,
    Vmx = 32 + 5,
    Pcid = 32 + 17,
    X2Apic = 32 + 21,
    TscDeadline = 32 + 24,
    Xsave = 32 + 26,
    Hypervisor = 32 + 31,
    // 7.0 ebx
    Smep = 64 + 7,
    Erms = 64 + 9,
    Smap = 64 + 20,
    // 7.0 ecx
    Umip = 96 + 2,
    Pku = 96 + 3,
    Rdpid = 96 + 22,
    // 0x80000001 edx
    Syscall = 128 + 11,
    Nx = 128 + 20,
    Page1G = 128 + 26,
    Rdtscp = 128 + 27,
    LongMode = 128 + 29,
    // 0x80000001 ecx
    Svm = 160 + 2,
    TopologyExt = 160 + 22,
    // 0x80000007 edx
    InvariantTsc = 192 + 8,
    // 6 eax
    Arat = 224 + 2,
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
