#include "hv/x86/vcpu/trap_counters.hpp"

#include <iterator>

#include "hv/abi/xen/hypercall.hpp"
#include "hv/base/log.hpp"
#include "hv/base/nospec.hpp"
#include "hv/hypercall/dispatch.hpp"
#include "hv/x86/cpu/per_cpu.hpp"
#include "hv/x86/traps/masked_time.hpp"

namespace hv::x86 {
namespace {

constexpr auto kIretCall = static_cast<std::uint32_t>(abi::xen::HypercallId::Iret);

constexpr const char* kNames[] = {
    "divide_error", "debug",        "nmi",         "breakpoint",  "overflow",      "bounds",      "invalid_opcode",
    "no_device",    "double_fault", "coprocessor", "invalid_tss", "not_present",   "stack_fault", "general_protection",
    "page_fault",   "reserved",     "float_error", "alignment",   "machine_check", "simd_error",
};

}  // namespace

bool trap_counter(std::uint32_t index, const char*& name, std::uint64_t& value) {
    if (index >= std::size(kNames)) return false;
    index = index_nospec(index, std::size(kNames));
    name = kNames[index];
    value = 0;
    for (CpuId cpu : ids<CpuId>(present_cpus())) value += cpu_data(cpu).traps[index];
    return true;
}

bool masked_time_counter(std::uint32_t index, const char*& name, std::uint64_t& value) {
    static_assert(kCallCauses == kHypercallSlots);
    if (index >= kMaskedCauses) return false;
    value = longest_masked_time(index);
    if (index == kIretCall)
        name = "iret";  // it has none in the table: guests' entry code carries it out
    else if (index < kCallCauses)
        name = hypercall_name(index);
    else if (index < kSystemCallCause)
        name = index - kExceptionCauses < std::size(kNames) ? kNames[index - kExceptionCauses] : nullptr;
    else
        name = index == kSystemCallCause ? "system_call" : "interrupt";
    if (!name) name = "unknown";
    return true;
}

void dump_masked_times() {
    const char* name;
    std::uint64_t value;
    for (std::uint32_t index = 0; masked_time_counter(index, name, value); ++index)
        if (value != 0) info("interrupts off for at most {} us: {}", value / 1000, name);
}

}  // namespace hv::x86
