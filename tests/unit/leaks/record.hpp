// Processors as they identified themselves, from public dumps (libvirt's cpu tests, libcpuid's tests, InstLatX64), and
// what their vendors say of them. Only the facts that the policy looks at are kept.
#pragma once

#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "hv/x86/leaks/leaks.hpp"

namespace hv::x86 {

struct CpuidRow {
    std::uint32_t leaf, subleaf;
    CpuidLeaf registers;
};

// IA32_ARCH_CAPABILITIES is seldom part of a dump.
enum class Known : std::uint8_t {
    Nothing,     // the dump has none, and CPUID announces none: asking is a mistake
    Read,        // part of the dump
    Missing,     // CPUID announces it, the dump lacks it: as if it said nothing
    Documented,  // what the vendor's lists and QEMU's models of this processor say
};

struct Record final : ProcessorSource {
    std::string_view name;
    std::vector<CpuidRow> rows;
    Leaks published;  // by the vendors' tables of affected processors, for what was announced when the dump was made
    Known known = Known::Nothing;
    std::uint64_t arch_capabilities = 0;
    std::uint32_t microcode = 0;
    std::uint64_t microcode_control = 0;
    bool takes_sbpb = false;

    Record(std::string_view of, std::vector<CpuidRow> said, Leaks leaks, Known how = Known::Nothing,
           std::uint64_t msr = 0)
        : name{of}, rows{std::move(said)}, published{leaks}, known{how}, arch_capabilities{msr} {}

    CpuidLeaf read(std::uint32_t leaf, std::uint32_t subleaf) const override;
    std::uint64_t read_msr(std::uint32_t number) const override;
    std::optional<std::uint64_t> try_read_msr(std::uint32_t number) const override;
    bool takes_msr(std::uint32_t number, std::uint64_t value) const override;
};

std::span<const Record> intel_servers();
std::span<const Record> intel_others();
std::span<const Record> amd_processors();
std::span<const Record> other_processors();

// The one whose name begins so.
const Record& record_of(std::string_view name);

// Leaf 0 by its vendor.
CpuidRow intel(std::uint32_t last_leaf);
CpuidRow amd(std::uint32_t last_leaf);

}  // namespace hv::x86
