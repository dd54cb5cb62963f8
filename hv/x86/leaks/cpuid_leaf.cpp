#include "hv/x86/leaks/cpuid_leaf.hpp"

namespace hv::x86 {
namespace {

// Ranges of leaves, each of which begins with the number of its last one.
constexpr std::uint32_t kRangeMask = 0xffff'0000, kHypervisorRange = 0x4000'0000;

}  // namespace

CpuidLeaf CpuidSource::leaf(std::uint32_t number, std::uint32_t subleaf) const {
    const std::uint32_t range = number & kRangeMask;
    const std::uint32_t last = read(range, 0).eax;
    if (number < range || number > last || (range != kHypervisorRange && (last & kRangeMask) != range)) return {};
    return read(number, subleaf);
}

CpuidLeaf CpuidSource::features(std::uint32_t subleaf) const {
    if (subleaf != 0 && subleaf > leaf(7).eax) return {};
    return leaf(7, subleaf);
}

}  // namespace hv::x86
