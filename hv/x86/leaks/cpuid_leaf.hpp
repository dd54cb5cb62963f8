// What CPUID answers, and where the answers come from: the processor (cpu/cpuid.hpp), or a record of one in the tests.
#pragma once

#include <cstdint>

namespace hv::x86 {

struct CpuidLeaf {
    std::uint32_t eax, ebx, ecx, edx;
};

class CpuidSource {
  public:
    virtual CpuidLeaf read(std::uint32_t leaf, std::uint32_t subleaf) const = 0;

    // All zero for a leaf past the largest one, where the processor itself returns another leaf's data.
    CpuidLeaf leaf(std::uint32_t number, std::uint32_t subleaf = 0) const;
    // Subleaf of leaf 7: `7.0` says how many there are.
    CpuidLeaf features(std::uint32_t subleaf) const;

  protected:
    ~CpuidSource() = default;
};

}  // namespace hv::x86
