// What the policy knows of a processor: everything that the answers about leaks depend on, and nothing else.
#pragma once

#include <array>
#include <optional>

#include "hv/x86/leaks/cpuid_bits.hpp"
#include "hv/x86/leaks/topology.hpp"

namespace hv::x86 {

// A processor to ask, or the record of one.
class ProcessorSource : public CpuidSource {
  public:
    // Only asked for what CPUID says is there.
    virtual std::uint64_t read_msr(std::uint32_t number) const = 0;
    // Nothing where it refuses, or cannot be asked yet.
    virtual std::optional<std::uint64_t> try_read_msr(std::uint32_t number) const = 0;
    // It takes that value, which is written; false where it refuses, or cannot be asked yet.
    virtual bool takes_msr(std::uint32_t number, std::uint64_t value) const = 0;

  protected:
    ~ProcessorSource() = default;
};

struct Identification {
    Vendor vendor = Vendor::Other;
    Signature signature;
    std::array<std::uint32_t, kCpuidWords> words{};
    std::uint64_t arch_capabilities = 0;  // 0 where CPUID does not announce them
    std::uint32_t microcode = 0;          // AMD's and Hygon's, outside of other hypervisors; otherwise 0
    bool siblings = false;                // threads share a core
    // What the firmware has turned off of what the microcode does by itself; the second one perhaps for good.
    bool srb_lock_off = false;
    bool gds_off = false, gds_off_locked = false;
    bool interpreted = false;  // QEMU's TCG: no speculation to leak from

    bool has(CpuidBit bit) const {
        const auto number = static_cast<unsigned>(bit);
        return (words[number / 32] >> (number % 32)) & 1;
    }
    void clear(CpuidBit bit) {
        const auto number = static_cast<unsigned>(bit);
        words[number / 32] &= ~(std::uint32_t{1} << (number % 32));
    }
    bool can(ArchCapability bit) const { return (arch_capabilities >> static_cast<unsigned>(bit)) & 1; }
    bool gds_stays_open() const { return gds_off && gds_off_locked; }
    bool operator==(const Identification&) const = default;
    bool is_amd() const { return vendor == Vendor::Amd || vendor == Vendor::Hygon; }
};

Identification identify(const ProcessorSource& processor);

// Whether `other` has all that `boot_cpu` has of what a decision may rest on: means against leaks, leaks that it does
// not have, and a microcode as new. They may differ in anything else.
bool as_safe_as(const Identification& boot_cpu, const Identification& other);

}  // namespace hv::x86
