// Which vendor made a processor, and which of the vendor's it is.
#pragma once

#include "hv/x86/leaks/cpuid_leaf.hpp"

namespace hv::x86 {

// Zhaoxin's processors call themselves by either of two names, one of which is Centaur's.
enum class Vendor : std::uint8_t { Intel, Amd, Hygon, Centaur, Other };

struct Signature {
    std::uint32_t family = 0, model = 0, stepping = 0;
    constexpr bool operator==(const Signature&) const = default;
};

Vendor vendor_of(const CpuidLeaf& zero);             // leaf 0
Signature signature_of(std::uint32_t leaf_one_eax);  // with the extended family and model added in

}  // namespace hv::x86
