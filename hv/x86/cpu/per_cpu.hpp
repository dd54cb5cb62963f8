// What each CPU has of its own, at the top of the CPU's stack block (paging/layout.hpp), so that the stack pointer
// alone finds it: neither GS nor FS is hv's, and trap entry has nothing to swap.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "hv/base/bitmap.hpp"
#include "hv/base/spinlock.hpp"
#include "hv/base/types.hpp"
#include "hv/sched/idle_poll.hpp"
#include "hv/x86/cpu/segments.hpp"
#include "hv/x86/paging/layout.hpp"
#include "hv/x86/smp/cpu_calls.hpp"

namespace hv {
class Vcpu;
}

namespace hv::x86 {

struct IsolatedRoots;
struct LinearSlots;
struct TrapFrame;

struct VectorEntry {
    std::atomic<void (*)(void*)> handler{nullptr};  // null: free
    void* argument = nullptr;
    bool manual_end = false;
};

// What others want of a CPU; each is looked at before the CPU goes back to a guest or to sleep.
struct CpuWork {
    std::atomic<bool> schedule{false};
    std::atomic<bool> timers{false};
    std::atomic<bool> polls{false};  // it is idle and looks at these two all the time: no interrupt is needed
    std::atomic<std::uint32_t> reschedules{0};  // twice the number of times that `schedule` was taken
    std::atomic<bool> machine_checks{false};    // some are to be logged; timers is set then
    std::uint64_t busy_since = 0;               // TSC of the current entry's first preemption_needed(); 0 before
    std::atomic<bool> timed{false};             // whether the next two are kept (traps/masked_time.hpp)
    std::uint32_t entered_by = 0;
    std::uint64_t entered_at = 0;               // TSC; 0 while not in hv
    const LinearSlots* linear_slots = nullptr;  // of the vCPU below, when its domain may have any
    std::atomic<const Vcpu*> loaded{nullptr};   // whose address space is in CR3; null: hv's own
};

inline constexpr std::size_t kExceptions = 32;

// How the way in gets back to hv's tables when an isolated guest has run (pv/mmu/isolation.hpp). Here both are 0: what
// the way in finds on a guest's tables is another page in this one's place.
struct IsolationGate {
    std::uint64_t hv_root = 0;      // for CR3; 0: these are hv's tables
    std::uint64_t entry_alias = 0;  // added to an address in that page's block: where hv's tables have it
};

struct alignas(64) PerCpu {
    std::uint64_t scratch = 0;   // for the SYSCALL entry of this CPU (pv/traps/syscall_entry.S)
    TrapFrame* frame = nullptr;  // the trap frame's place at the top of the stack
    IsolationGate isolation;
    bool barrier_on_entry = false;      // IBPB whenever the guest that runs enters hv
    bool has_spec_ctrl = false;         // known to have that register, and it is switched
    std::uint64_t guest_spec_ctrl = 0;  // in SPEC_CTRL while a guest runs (cpu/spec_ctrl.hpp)
    Vcpu* current = nullptr;            // the vCPU whose state is loaded; null or an idle one otherwise
    CpuId id;
    std::uint32_t apic_id = 0;
    CpuWork work;
    IdlePoll idle_poll;
    std::uint64_t stack_block = 0;  // lowest address

    GdtPage* gdt = nullptr;  // a page of its own: guests' GDT windows map it too
    std::uint64_t gdt_physical = 0;
    Tss* tss = nullptr;

    IsolatedRoots* isolated_roots = nullptr;    // null: no guest is isolated
    std::uint64_t predictions_of = 0;           // the vCPU that has trained this CPU's branches last, or 0
    VectorEntry* vectors = nullptr;             // kVectors of them
    std::uint64_t tsc_aux = ~std::uint64_t{0};  // in the MSR; at first not known
    bool stores_in_order = false;               // LS_CFG keeps loads from overtaking stores, for the vCPU that runs
    bool time_stamps_disabled = false;          // CR4.TSD, for the vCPU that runs
    std::array<std::uint64_t, kExceptions> traps{};  // from guests, by vector

    std::atomic<std::uint32_t> requests{0};  // of other CPUs (smp/ipi.cpp)
    CallPost calls;
    std::atomic<std::uint32_t> tlb_flushed_at{0};
    std::int64_t tsc_offset = 0;  // added to this CPU's TSC to get the boot CPU's; 0 where they agree
    std::atomic<bool> online{false};
    std::atomic<bool> parked{false};  // another thread of its core is used in its place (smp/siblings.hpp)

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

static_assert(sizeof(PerCpu) <= kStackReserved);

inline PerCpu& per_cpu_of_block(std::uint64_t block) {
    return *reinterpret_cast<PerCpu*>(block + kStackSize - kStackReserved);
}

// Not `volatile`: a CPU never changes under running code, so the compiler may keep the answer.
inline PerCpu& per_cpu() {
    std::uint64_t stack;
    asm("mov %%rsp, %0" : "=r"(stack));
    return per_cpu_of_block(stack & ~(kStackSize - 1));
}

// Of a CPU that is present.
inline PerCpu& cpu_data(CpuId cpu) {
    return per_cpu_of_block(kStacksBase + cpu.raw * kStackSize);
}
std::uint32_t present_cpus();  // how many; their ids are below that
// Bring-up: the next CPU number, with its stacks and tables. Needs paging and the early allocator.
PerCpu& add_cpu(std::uint32_t apic_id);
// Goes on in `next` on the CPU's own empty stack. The first one is called on the boot CPU alone.
[[noreturn]] void enter_cpu_stack(PerCpu& cpu, void (*next)());

}  // namespace hv::x86
