// Entering a PV guest's kernel: its stack gets the frame that an interrupt would have
// pushed, and it goes on at a handler.
#pragma once

#include <cstdint>
#include <optional>

#include "hv/x86/traps/trap_frame.hpp"

namespace hv {
class Vcpu;
}

namespace hv::x86 {

struct GuestEntry {
    std::uint64_t address;
    bool mask_events = false;
    std::optional<std::uint32_t> error_code = {};
    // Pushed below everything else, for the failsafe callback: ds, es, fs, gs.
    const std::uint16_t* selectors = nullptr;
};

// On the current vCPU, whose registers are `frame`. A guest whose stack cannot take the frame is crashed; then false.
bool enter_guest_kernel(Vcpu& vcpu, TrapFrame& frame, const GuestEntry& entry);

// Delivers a trap to the handler that the guest registered for it; a guest without one is crashed.
void deliver_trap(Vcpu& vcpu, TrapFrame& frame, std::uint8_t vector, std::optional<std::uint32_t> error_code);
void deliver_page_fault(Vcpu& vcpu, TrapFrame& frame, std::uint64_t address, std::uint32_t error_code);
inline void deliver_general_protection(Vcpu& vcpu, TrapFrame& frame, std::uint32_t error_code) {
    deliver_trap(vcpu, frame, kGeneralProtection, error_code);
}

// Between the guest's kernel and user mode: the page table, and which GS base is active.
void switch_mode(Vcpu& vcpu);

}  // namespace hv::x86
