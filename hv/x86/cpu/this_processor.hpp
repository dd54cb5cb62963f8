// The processor that runs this, for whatever can also read the record of another.
#pragma once

#include "hv/x86/cpu/cpuid.hpp"
#include "hv/x86/cpu/registers.hpp"
#include "hv/x86/cpu/segments.hpp"
#include "hv/x86/cpu/try_msr.hpp"
#include "hv/x86/leaks/identification.hpp"

namespace hv::x86 {

class ThisProcessor final : public ProcessorSource {
  public:
    CpuidLeaf read(std::uint32_t leaf, std::uint32_t subleaf) const override { return cpuid(leaf, subleaf); }
    std::uint64_t read_msr(std::uint32_t number) const override { return x86::read_msr(number); }
    std::optional<std::uint64_t> try_read_msr(std::uint32_t number) const override {
        return idt_is_loaded() ? x86::try_read_msr(number) : std::nullopt;
    }
    bool takes_msr(std::uint32_t number, std::uint64_t value) const override {
        return idt_is_loaded() && try_write_msr(number, value);
    }
};

}  // namespace hv::x86
