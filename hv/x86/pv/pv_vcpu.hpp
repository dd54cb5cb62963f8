// What PV vCPUs and PV domains have of the processor, beside what every kind has.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "hv/abi/xen/layout.hpp"
#include "hv/base/log.hpp"
#include "hv/base/types.hpp"
#include "hv/domain/domain.hpp"
#include "hv/memory/frame.hpp"
#include "hv/x86/vcpu/arch_vcpu.hpp"

namespace hv::x86 {

// A guest's entry point for one vector, as set_trap_table gave it. Aligned, so that none is in two lines of the cache.
struct alignas(16) GuestGate {
    std::uint64_t address = 0;
    std::uint16_t cs = 0;
    std::uint8_t flags = 0;
};

// System calls and the returns from them look at what comes first. It is in one line of the cache with the end of
// ArchVcpu, and so on one page: each change of the page table empties the TLB, after which every page that is touched
// has to be found again.
struct PvVcpu : ArchVcpu {
    bool kernel_mode = true;  // which of its two page tables and GS bases is loaded
    bool failsafe_masks_events = false;
    bool syscall_masks_events = false;
    bool syscall32_masks_events = false;
    bool sysenter_masks_events = false;
    std::uint32_t shown_iopl = 0;  // what frames show of the I/O privilege level, in RFLAGS' place (traps/iopl.hpp)
    std::uint64_t user_cr3 = 0, kernel_cr3 = 0;  // of the two tables below, for the processor
    std::uint64_t kernel_sp = 0;
    std::uint64_t event_callback = 0;
    std::uint64_t syscall_callback = 0;
    FrameInfo* user_table = nullptr;  // L4 with type and reference; null when the guest has none

    FrameInfo* kernel_table = nullptr;       // the same; null before it has a context
    std::array<FrameInfo*, 2> unfinished{};  // tables whose undoing was preempted (mmu/entry_update.hpp)
    std::uint64_t kernel_ss = 0;
    std::uint64_t nmi_callback = 0;
    std::uint64_t failsafe_callback = 0;
    std::uint64_t syscall32_callback = 0;
    std::uint64_t sysenter_callback = 0;

    std::uint64_t fs_base = 0;
    std::uint64_t gs_base_kernel = 0;
    std::uint64_t gs_base_user = 0;
    std::uint16_t ds = 0, es = 0, fs = 0, gs = 0;

    std::array<FrameInfo*, abi::xen::kGdtPages> gdt_frames{};  // type Descriptor
    std::uint32_t gdt_frame_count = 0;
    std::uint32_t gdt_entries = 0;
    GuestVirtual ldt_base{0};
    std::uint32_t ldt_entries = 0;
    std::uint32_t iopl = 0;                                    // the real one stays 0
    std::array<FrameInfo*, abi::xen::kLdtPages> ldt_frames{};  // mapped on demand
    std::uint32_t io_bitmap_ports = 0;                         // how many ports the kernel's bitmap is about
    GuestVirtual io_bitmap{0};                                 // a set bit forbids the port

    std::array<GuestGate, 256> gates{};
};

// A bit for each L4 slot of the domain's tables that ever held a linear page table (mmu/linear_tables.hpp).
struct LinearSlots {
    std::atomic<std::uint64_t> words[8]{};
    std::atomic<std::uint64_t> settled[8]{};  // those whose bit in `words` every CPU has seen
};

struct PvDomain : ArchDomain {
    bool isolated = false;         // its vCPUs run on copies of their L4 tables without hv (mmu/isolation.hpp)
    bool harmless_absent = false;  // its entries that are not present name no memory
    std::atomic<std::uint64_t> roots_version{0};  // mmu/roots.hpp
    LinearSlots linear_slots;
};

// What pv() below may be asked about: a vCPU of a PV guest, once it was created, and a PV domain. The code for PV is
// called for no others; page tables, too, belong to PV domains alone, whichever domain changes them. Debug builds check
// that.
inline void check_pv([[maybe_unused]] abi::control::DomainType type, [[maybe_unused]] const void* arch) {
#ifndef NDEBUG
    HV_ASSERT(type == abi::control::DomainType::Pv && arch != nullptr);
#endif
}
inline PvVcpu& pv(Vcpu& vcpu) {
    check_pv(vcpu.type, vcpu.arch);
    return static_cast<PvVcpu&>(*vcpu.arch);
}
inline const PvVcpu& pv(const Vcpu& vcpu) {
    check_pv(vcpu.type, vcpu.arch);
    return static_cast<const PvVcpu&>(*vcpu.arch);
}
inline PvDomain& pv(Domain& domain) {
    check_pv(domain.type, domain.arch);
    return static_cast<PvDomain&>(*domain.arch);
}
inline const PvDomain& pv(const Domain& domain) {
    check_pv(domain.type, domain.arch);
    return static_cast<const PvDomain&>(*domain.arch);
}

}  // namespace hv::x86
