// Registers that a processor may refuse to take a value for.
#pragma once

#include <cstdint>
#include <optional>

#include "hv/x86/traps/exception_table.hpp"

namespace hv::x86 {

// False: it was a general protection fault. Needs the IDT.
inline bool try_write_msr(std::uint32_t msr, std::uint64_t value) {
    std::uint32_t done;
    asm volatile(
        "mov $0, %0\n"
        "1: wrmsr\n"
        "mov $1, %0\n"
        "2:\n" HV_FIXUP("1b", "2b")
        : "=&r"(done)
        : "c"(msr), "a"(static_cast<std::uint32_t>(value)), "d"(static_cast<std::uint32_t>(value >> 32))
        : "memory");
    return done != 0;
}

// Nothing: it was a general protection fault. Needs the IDT.
inline std::optional<std::uint64_t> try_read_msr(std::uint32_t msr) {
    std::uint32_t done, low, high;
    asm volatile(
        "mov $0, %0\n"
        "1: rdmsr\n"
        "mov $1, %0\n"
        "2:\n" HV_FIXUP("1b", "2b")
        : "=&r"(done), "=&a"(low), "=&d"(high)
        : "c"(msr)
        : "memory");
    if (!done) return std::nullopt;
    return std::uint64_t{high} << 32 | low;
}

}  // namespace hv::x86
