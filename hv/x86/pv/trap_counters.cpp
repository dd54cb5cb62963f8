#include "hv/x86/pv/trap_counters.hpp"

#include <array>

#include "hv/base/cpu.hpp"

namespace hv::x86 {
namespace {

constexpr std::size_t kExceptions = 32;
constexpr const char* kNames[] = {
    "divide_error", "debug", "nmi", "breakpoint", "overflow", "bounds", "invalid_opcode", "no_device", "double_fault", "coprocessor",
    "invalid_tss", "not_present", "stack_fault", "general_protection", "page_fault", "reserved", "float_error", "alignment",
    "machine_check", "simd_error",
};

struct alignas(64) Counters {
    std::array<std::uint64_t, kExceptions> count{};
};
constinit std::array<Counters, kMaxCpus> g_counters{};

}  // namespace

void count_trap(std::uint8_t vector) {
    if (vector < kExceptions) ++g_counters[hv::current_cpu()].count[vector];
}

bool trap_counter(std::uint32_t index, const char*& name, std::uint64_t& value) {
    if (index >= std::size(kNames)) return false;
    name = kNames[index];
    value = 0;
    for (const Counters& counters : g_counters) value += counters.count[index];
    return true;
}

}  // namespace hv::x86
