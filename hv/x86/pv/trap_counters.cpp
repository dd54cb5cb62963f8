#include "hv/x86/pv/trap_counters.hpp"

#include <iterator>

#include "hv/x86/cpu/per_cpu.hpp"

namespace hv::x86 {
namespace {

constexpr const char* kNames[] = {
    "divide_error", "debug", "nmi", "breakpoint", "overflow", "bounds", "invalid_opcode", "no_device", "double_fault", "coprocessor",
    "invalid_tss", "not_present", "stack_fault", "general_protection", "page_fault", "reserved", "float_error", "alignment",
    "machine_check", "simd_error",
};

}  // namespace

bool trap_counter(std::uint32_t index, const char*& name, std::uint64_t& value) {
    if (index >= std::size(kNames)) return false;
    name = kNames[index];
    value = 0;
    for (CpuId cpu = 0; cpu < present_cpus(); ++cpu) value += cpu_data(cpu).traps[index];
    return true;
}

}  // namespace hv::x86
