#include "hv/x86/cpu/per_cpu.hpp"

#include <new>

#include "hv/base/log.hpp"
#include "hv/machine/cpus.hpp"
#include "hv/x86/boot/early_memory.hpp"
#include "hv/x86/paging/direct_map.hpp"
#include "hv/x86/paging/hv_tables.hpp"
#include "hv/x86/traps/trap_frame.hpp"

namespace hv::x86 {
namespace {

constinit std::uint32_t cpu_count = 0;

struct Area {
    GdtPage gdt;
    alignas(kPageSize) Tss tss;  // alone in its page: guests' tables have it where guests are isolated
    alignas(kPageSize) std::array<VectorEntry, kVectors> vectors{};
};

void map_stacks(std::uint64_t block) {
    for (unsigned page = 0; page < kStackSize / kPageSize; ++page) {
        if (page == kStackGuardPage) continue;
        const auto mapped = map_hv(block + page * kPageSize, allocate_early(kPageSize), kPageSize, kMapWritable);
        if (!mapped) must_failed("the early allocator panics instead", mapped.error());
    }
}

}  // namespace

std::uint32_t present_cpus() {
    return cpu_count;
}

PerCpu& add_cpu(std::uint32_t apic_id) {
    HV_ASSERT(cpu_count < kMaxCpus);
    auto* area = new (direct_map(allocate_early(sizeof(Area)))) Area;
    const std::uint64_t block = kStacksBase + cpu_count * kStackSize;
    map_stacks(block);
    PerCpu& cpu = *new (&per_cpu_of_block(block)) PerCpu;
    cpu.id = CpuId{cpu_count};
    cpu.apic_id = apic_id;
    cpu.vectors = area->vectors.data();
    cpu.gdt = &area->gdt;
    cpu.gdt_physical = physical_of(&area->gdt);
    cpu.tss = &area->tss;
    cpu.stack_block = block;
    cpu.frame = reinterpret_cast<TrapFrame*>(&cpu) - 1;
    ++cpu_count;
    return cpu;
}

void enter_cpu_stack(PerCpu& cpu, void (*next)()) {
    asm volatile(
        "movq %0, %%rsp\n"
        "xorl %%ebp, %%ebp\n"
        "call __x86_indirect_thunk_rdi\n"
        "ud2\n"
        :
        : "r"(cpu.frame), "D"(next)
        : "memory");
    __builtin_unreachable();
}

}  // namespace hv::x86

namespace hv {

CpuId current_cpu() {
    return x86::per_cpu().id;
}

}  // namespace hv
