// What vCPUs and domains of every kind of guest have of the processor. A kind derives from both and makes its own
// (guest_kind.hpp).
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "hv/base/types.hpp"
#include "hv/memory/frame.hpp"
#include "hv/x86/traps/trap_frame.hpp"

namespace hv::x86 {

// Vcpu::arch: never null for a vCPU that was created. Those that idle have none.
struct ArchVcpu {
    TrapFrame frame{};  // registers while it does not run

    std::uint64_t cr0 = 0, cr4 = 0;        // what the guest believes
    std::array<std::uint64_t, 8> debug{};  // 6 and 7 included; 4 and 5 unused
    std::uint64_t xcr0 = 1;
    std::uint64_t tsc_aux = 0;    // the vCPU's number until its kernel writes something else (tsc_aux.hpp)
    std::uint64_t spec_ctrl = 0;  // as its kernel wrote it (speculation_controls.hpp)
    std::uint64_t virt_spec_ctrl = 0;
    std::uint8_t* fpu = nullptr;  // XSAVE area, 64-byte aligned

    GuestVirtual time_area{0};             // second place for pvclock, 0 when none
    const void* time_published = nullptr;  // where the clock was last written
    std::uint32_t time_version = 0;
    CpuId loaded_on = kNoCpu;  // the CPU that had its address space last, and may have it still while it is idle
    CpuId trained = kNoCpu;    // the CPU whose branches it has trained last (predictions.hpp)

    // What every entry and exit looks at comes last, so that what the kind's own ways look at follows in the same line
    // of the cache (objects of this size begin a page).
    bool runstate_late = false;  // to be written when its kernel is entered
    std::atomic<bool> nmi_pending{false};

  protected:
    ~ArchVcpu() = default;  // by its kind alone
};

inline constexpr std::size_t kCacheLine = 64;
static_assert(sizeof(ArchVcpu) % kCacheLine == 8, "the rest of this line is for what the kinds' ways look at");

// Domain::arch.
struct ArchDomain {
    std::uint64_t identity = 0;          // no other domain ever has it
    FrameInfo* eoi_map_frame = nullptr;  // Dom0's page of pirqs that need an EOI
    bool auto_unmask = false;            // an EOI also unmasks the port

  protected:
    ~ArchDomain() = default;
};

}  // namespace hv::x86
