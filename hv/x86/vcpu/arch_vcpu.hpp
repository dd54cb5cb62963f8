// The machine's side of a PV vCPU and of its domain.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "hv/abi/xen/layout.hpp"
#include "hv/abi/xen/vcpu_state.hpp"
#include "hv/base/bitmap.hpp"
#include "hv/base/types.hpp"
#include "hv/memory/frame.hpp"
#include "hv/x86/traps/trap_frame.hpp"

namespace hv::x86 {

// A guest's entry point for one vector, as set_trap_table gave it.
struct GuestGate {
    std::uint64_t address = 0;
    std::uint16_t cs = 0;
    std::uint8_t flags = 0;
};

// What every entry and exit looks at comes first, close together: after each change of the page
// table it has to be found in memory again.
struct ArchVcpu {
    bool kernel_mode = true;     // which of its two page tables and GS bases is loaded
    bool runstate_late = false;  // to be written when its kernel is entered
    CpuId loaded_on = kNoCpu;    // the CPU that had its address space last, and may have it still while it is idle
    std::atomic<bool> nmi_pending{false};
    std::uint32_t shown_iopl = 0;  // what frames show of the I/O privilege level, in RFLAGS' place (iopl.hpp)
    std::uint64_t user_cr3 = 0, kernel_cr3 = 0;  // of the two tables below, for the processor
    std::uint64_t kernel_ss = 0, kernel_sp = 0;
    std::uint64_t event_callback = 0;
    std::uint64_t failsafe_callback = 0;
    std::uint64_t syscall_callback = 0;
    std::uint64_t nmi_callback = 0;
    bool failsafe_masks_events = false;
    bool syscall_masks_events = false;
    bool syscall32_masks_events = false;
    bool sysenter_masks_events = false;
    std::uint64_t syscall32_callback = 0;
    std::uint64_t sysenter_callback = 0;
    TrapFrame frame;                         // registers while it does not run
    FrameInfo* kernel_table = nullptr;       // L4 with type and reference; null before it has a context
    FrameInfo* user_table = nullptr;         // null when the guest has none
    std::array<FrameInfo*, 2> unfinished{};  // tables whose undoing was preempted (entry_update.hpp)
    std::uint64_t fs_base = 0;
    std::uint64_t gs_base_kernel = 0;
    std::uint64_t gs_base_user = 0;
    std::uint16_t ds = 0, es = 0, fs = 0, gs = 0;

    std::array<FrameInfo*, abi::xen::kGdtPages> gdt_frames{};  // type Descriptor
    std::uint32_t gdt_frame_count = 0;
    std::uint32_t gdt_entries = 0;
    GuestVirtual ldt_base{0};
    std::uint32_t ldt_entries = 0;
    std::array<FrameInfo*, abi::xen::kLdtPages> ldt_frames{};  // mapped on demand

    std::uint64_t cr0 = 0, cr4 = 0;        // what the guest believes
    std::array<std::uint64_t, 8> debug{};  // 6 and 7 included; 4 and 5 unused
    std::uint32_t iopl = 0;                // the real one stays 0
    std::uint32_t io_bitmap_ports = 0;     // how many ports the kernel's bitmap is about
    GuestVirtual io_bitmap{0};             // a set bit forbids the port

    std::uint64_t xcr0 = 1;
    std::uint64_t tsc_aux = 0;    // the vCPU's number until its kernel writes something else (tsc_aux.hpp)
    std::uint64_t spec_ctrl = 0;  // as its kernel wrote it (speculation_controls.hpp)
    std::uint64_t virt_spec_ctrl = 0;
    CpuId trained = kNoCpu;       // the CPU whose branches it has trained last (predictions.hpp)
    std::uint8_t* fpu = nullptr;  // XSAVE area, 64-byte aligned

    GuestVirtual time_area{0};  // second place for pvclock, 0 when none
    std::uint32_t time_version = 0;
    const void* time_published = nullptr;  // where the clock was last written

    std::array<GuestGate, 256> gates{};
};

// L4 slots that linear page tables were ever behind (linear_tables.hpp), a bit each.
struct LinearSlots {
    std::atomic<std::uint64_t> words[8]{};
    std::atomic<std::uint64_t> settled[8]{};  // those whose bits above all CPUs have seen
};

struct ArchDomain {
    std::uint64_t identity = 0;    // no other domain ever has it
    bool isolated = false;         // its vCPUs run on copies of their L4 tables without hv (pv/mmu/isolation.hpp)
    bool harmless_absent = false;  // its entries that are not present name no memory
    std::atomic<std::uint64_t> roots_version{0};  // pv/mmu/roots.hpp
    LinearSlots linear_slots;
    FrameInfo* eoi_map_frame = nullptr;  // Dom0's page of pirqs that need an EOI
    bool auto_unmask = false;            // an EOI also unmasks the port
};

// The vCPU's machine side; vcpu.arch is never null for a vCPU that was created.
inline bool has_user_table(const ArchVcpu& arch) {
    return arch.user_table != nullptr;
}

}  // namespace hv::x86
