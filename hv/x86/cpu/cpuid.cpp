#include "hv/x86/cpu/cpuid.hpp"

#include <cstring>

#include "hv/x86/boot/command_line.hpp"
#include "hv/x86/cpu/registers.hpp"
#include "hv/x86/cpu/this_processor.hpp"

namespace hv::x86 {
namespace {

constinit CpuModel model{};
constinit std::array<std::uint32_t, kFeatureWords> feature_words{};
constinit std::uint64_t cr4_value = 0;
constinit std::uint64_t xcr0_supported = 0;
constinit bool on_tcg = false;

// Write-back, write-through, UC-, UC, write-combining, write-protect, UC, UC: what PV guests expect to find.
constexpr std::uint64_t kPat = 0x0000'0501'0007'0406;

void read_names(const CpuidLeaf& zero) {
    std::memcpy(&model.vendor_text[0], &zero.ebx, 4);
    std::memcpy(&model.vendor_text[4], &zero.edx, 4);
    std::memcpy(&model.vendor_text[8], &zero.ecx, 4);
    model.vendor = vendor_of(zero);
    if (model.max_extended_leaf < 0x8000'0004) return;
    for (std::uint32_t i = 0; i < 3; ++i) {
        const CpuidLeaf part = cpuid(0x8000'0002 + i);
        std::memcpy(&model.brand[i * 16], &part, 16);
    }
}

std::uint64_t wanted_cr4() {
    std::uint64_t value = kCr4Pae | kCr4Osfxsr | kCr4Osxmmexcpt | kCr4De;
    if (cpu_has(Feature::Pge)) value |= kCr4Pge;
    if (cpu_has(Feature::Umip)) value |= kCr4Umip;
    if (cpu_has(Feature::Smep) && boot_options().smep) value |= kCr4Smep;
    if (cpu_has(Feature::Smap) && boot_options().smap) value |= kCr4Smap;
    // Not FSGSBASE: a guest's kernel that does not know that its user programs can set their bases loses track of them.
    if (cpu_has(Feature::Xsave)) value |= kCr4Osxsave;
    return value;
}

}  // namespace

void identify_cpu() {
    const CpuidLeaf zero = cpuid(0);
    model.max_leaf = zero.eax;
    model.max_extended_leaf = cpuid(0x8000'0000).eax;
    if (model.max_extended_leaf < 0x8000'0000 || model.max_extended_leaf > 0x8000'ffff) model.max_extended_leaf = 0;
    const auto leaf = [](std::uint32_t number, std::uint32_t subleaf = 0) {
        const std::uint32_t last = number >= 0x8000'0000 ? model.max_extended_leaf : model.max_leaf;
        return number <= last ? cpuid(number, subleaf) : CpuidLeaf{};
    };
    const CpuidLeaf one = leaf(1), seven = leaf(7), extended = leaf(0x8000'0001);
    // In the order of FeatureWord.
    feature_words = {one.edx,    one.ecx, seven.ebx, seven.ecx, extended.edx, extended.ecx, leaf(0x8000'0007).edx,
                     leaf(6).eax};
    read_names(zero);
    static_cast<Signature&>(model) = signature_of(one.eax);
    static_cast<Topology&>(model) = topology_of(ThisProcessor{});
    if (const std::uint32_t bits = leaf(0x8000'0008).eax; bits != 0) {
        model.physical_bits = bits & 0xff;
        model.linear_bits = (bits >> 8) & 0xff;
    }
    cr4_value = wanted_cr4();
    if (cpu_has(Feature::Xsave)) {
        const CpuidLeaf states = leaf(0xd);
        xcr0_supported = (std::uint64_t{states.edx} << 32) | states.eax;
    }
    if (cpu_has(Feature::Hypervisor)) {
        const CpuidLeaf names = cpuid(0x4000'0000);
        on_tcg = std::memcmp(&names.ebx, "TCGTCGTCGTCG", 12) == 0;
    }
}

const CpuModel& cpu_model() {
    return model;
}

bool cpu_has(Feature feature) {
    const auto number = static_cast<unsigned>(feature);
    return (feature_words[number / 32] >> (number % 32)) & 1;
}

bool emulated_by_tcg() {
    return on_tcg;
}

void enable_cpu_features() {
    write_cr0((read_cr0() | kCr0Wp | kCr0Mp | kCr0Ne) & ~std::uint64_t{kCr0Em | kCr0Am | kCr0Cd | kCr0Ts});
    write_cr4(cr4_value | (read_cr4() & kCr4Mce));
    if (cpu_has(Feature::Nx)) write_msr(Msr::Efer, read_msr(Msr::Efer) | kEferNxe);
    if (cpu_has(Feature::Pat)) write_msr(Msr::Pat, kPat);
    if (cpu_has(Feature::Xsave))
        asm volatile("xsetbv" : : "c"(0), "a"(static_cast<std::uint32_t>(xcr0_supported & 7)), "d"(0));
}

void disable_global_pages() {
    cr4_value &= ~std::uint64_t{kCr4Pge};
}

std::uint64_t hv_cr4() {
    return cr4_value | (cpu_has(Feature::Mce) && cpu_has(Feature::Mca) ? std::uint64_t{kCr4Mce} : 0);
}
std::uint64_t supported_xcr0() {
    return xcr0_supported;
}

}  // namespace hv::x86
