// What each CPU has of its own. The last word of the CPU's stack block points here (paging/layout.hpp), so the stack
// pointer alone finds it: neither GS nor FS is hv's, and trap entry has nothing to swap.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "hv/base/bitmap.hpp"
#include "hv/base/spinlock.hpp"
#include "hv/base/types.hpp"
#include "hv/x86/cpu/segments.hpp"
#include "hv/x86/paging/layout.hpp"

namespace hv {
class Vcpu;
}

namespace hv::x86 {

struct TrapFrame;

struct VectorEntry {
    std::atomic<void (*)(void*)> handler{nullptr};  // null: free
    void* argument = nullptr;
    bool manual_end = false;
};

// What this CPU asks of others (smp/ipi.cpp).
struct RemoteCall {
    void (*function)(void*) = nullptr;
    void* argument = nullptr;
    std::atomic<std::uint32_t> pending{0};  // CPUs that have not done it yet
};

struct alignas(64) PerCpu {
    PerCpu* self = nullptr;         // trap_entry.S and guest entry code find these by the offsets in asm_constants.cpp
    TrapFrame* frame = nullptr;     // the trap frame's place at the top of the stack
    std::uint64_t scratch[2] = {};  // for guest entry code
    Vcpu* current = nullptr;        // the vCPU whose state is loaded; null or an idle one otherwise
    CpuId id = 0;
    std::uint32_t apic_id = 0;
    std::uint64_t stack_block = 0;  // lowest address

    GdtPage* gdt = nullptr;  // a page of its own: guests' GDT windows map it too
    std::uint64_t gdt_physical = 0;
    Tss* tss = nullptr;

    std::array<VectorEntry, kVectors> vectors{};

    // Requests by other CPUs and to them (smp/ipi.cpp).
    std::atomic<std::uint32_t> requests{0};
    AtomicCpuSet callers;
    RemoteCall call;
    std::atomic<std::uint32_t> tlb_flushed_at{0};
    std::int64_t tsc_offset = 0;  // added to this CPU's TSC to get the boot CPU's; 0 where they agree
    std::atomic<bool> online{false};

    std::uint64_t nmis = 0;
    std::atomic<std::uint64_t> stopped_at{0};  // in a panic: where this CPU was
    std::atomic<std::uint64_t> alive{0};       // watchdog: counts this CPU's timer interrupts and trips through idle

#ifndef NDEBUG
    struct HeldLock {
        LockRank rank;
        const void* lock;
    };
    std::array<HeldLock, 24> held{};
    std::uint32_t held_count = 0;
#endif
};

// Not `volatile`: a CPU never changes under running code, so the compiler may keep the answer.
inline PerCpu& per_cpu() {
    std::uint64_t top;
    asm("mov %%rsp, %0" : "=r"(top));
    return **reinterpret_cast<PerCpu**>((top | (kStackSize - 1)) - 7);
}

PerCpu& cpu_data(CpuId cpu);  // of a CPU that is present
CpuId present_cpus();         // CPU numbers are 0 .. present_cpus() - 1
// Bring-up: the next CPU number, with its stacks and tables. Needs paging and the early allocator.
PerCpu& add_cpu(std::uint32_t apic_id);
// Goes on in `next` on the CPU's own empty stack. The first one is called on the boot CPU alone.
[[noreturn]] void enter_cpu_stack(PerCpu& cpu, void (*next)());

}  // namespace hv::x86
