#include "hv/x86/leaks/topology.hpp"

#include <algorithm>
#include <bit>

namespace hv::x86 {
namespace {

constexpr std::uint32_t kTopologyLeaf = 0xb, kLevels = 8, kThreadLevel = 1;

std::uint32_t shift_for(std::uint32_t count) {
    return count <= 1 ? 0 : static_cast<std::uint32_t>(std::bit_width(count - 1));
}

bool read_levels(const CpuidSource& cpuid, Topology& topology) {
    if ((cpuid.leaf(kTopologyLeaf).ebx & 0xffff) == 0) return false;
    std::uint32_t threads = 1, logical = 1;
    for (std::uint32_t level = 0; level < kLevels; ++level) {
        const CpuidLeaf leaf = cpuid.leaf(kTopologyLeaf, level);
        const std::uint32_t kind = (leaf.ecx >> 8) & 0xff;
        if (kind == 0) break;
        if (kind == kThreadLevel) {
            threads = leaf.ebx & 0xffff;
            topology.smt_shift = leaf.eax & 0x1f;
        }
        logical = leaf.ebx & 0xffff;
        topology.socket_shift = leaf.eax & 0x1f;
    }
    topology.threads_per_core = std::max(threads, 1u);
    topology.cores_per_socket = std::max(logical / topology.threads_per_core, 1u);
    return true;
}

// AMD, Hygon. Leaf 0x80000008 counts threads, 0x8000001e says how many share a core. Before Zen it says so of the cores
// of a module, which have an integer core each.
Topology read_amd(const CpuidSource& cpuid, std::uint32_t family) {
    constexpr std::uint32_t kZen = 0x17;
    const std::uint32_t sizes = cpuid.leaf(0x8000'0008).ecx, logical = (sizes & 0xff) + 1;
    const std::uint32_t sharing = ((cpuid.leaf(0x8000'001e).ebx >> 8) & 0xff) + 1;
    const std::uint32_t threads = family >= kZen ? sharing : 1, id_bits = (sizes >> 12) & 0xf;
    return {.threads_per_core = threads,
            .cores_per_socket = std::max(logical / threads, 1u),
            .smt_shift = shift_for(threads),
            .socket_shift = id_bits != 0 ? id_bits : shift_for(logical)};
}

}  // namespace

Topology topology_of(const CpuidSource& cpuid) {
    constexpr std::uint32_t kHyperThreading = 1u << 28;
    Topology topology;
    if (read_levels(cpuid, topology)) return topology;
    const CpuidLeaf one = cpuid.leaf(1);
    const Vendor vendor = vendor_of(cpuid.leaf(0));
    if ((vendor == Vendor::Amd || vendor == Vendor::Hygon) && cpuid.leaf(0x8000'0008).eax != 0)
        return read_amd(cpuid, signature_of(one.eax).family);
    const std::uint32_t logical = (one.edx & kHyperThreading) ? (one.ebx >> 16) & 0xff : 1;
    const std::uint32_t cores = vendor == Vendor::Intel ? (cpuid.leaf(4).eax >> 26) + 1 : 1;
    topology.cores_per_socket = cores;
    topology.threads_per_core = logical > cores ? logical / cores : 1;
    topology.smt_shift = shift_for(topology.threads_per_core);
    topology.socket_shift = topology.smt_shift + shift_for(cores);
    return topology;
}

}  // namespace hv::x86
