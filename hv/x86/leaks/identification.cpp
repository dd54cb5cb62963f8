#include "hv/x86/leaks/identification.hpp"

namespace hv::x86 {
namespace {

// Under a hypervisor, leaf 0x40000000 names it: QEMU's interpreter calls itself TCGTCGTCGTCG.
bool is_interpreted(const CpuidSource& cpuid) {
    constexpr std::uint32_t kFirst = 0x5447'4354, kSecond = 0x4354'4743, kThird = 0x4743'5447;
    const CpuidLeaf name = cpuid.leaf(0x4000'0000);
    return name.ebx == kFirst && name.ecx == kSecond && name.edx == kThird;
}

}  // namespace

Identification identify(const ProcessorSource& processor) {
    const CpuidLeaf one = processor.leaf(1), seven = processor.leaf(7), amd = processor.leaf(0x8000'0021);
    Identification id{.vendor = vendor_of(processor.leaf(0)),
                      .signature = signature_of(one.eax),
                      .words = {one.ecx, seven.ebx, seven.edx, processor.features(2).edx,
                                processor.leaf(0x8000'0008).ebx, amd.eax, amd.ecx},
                      .siblings = topology_of(processor).threads_per_core > 1};
    if (id.has(CpuidBit::ArchCapabilities)) id.arch_capabilities = processor.read_msr(kMsrArchCapabilities);
    if (id.has(CpuidBit::Hypervisor)) {
        id.interpreted = is_interpreted(processor);
    } else if (id.is_amd()) {
        id.microcode = static_cast<std::uint32_t>(processor.read_msr(kMsrMicrocode));
    }
    return id;
}

}  // namespace hv::x86
