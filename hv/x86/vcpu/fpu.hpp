// Floating-point and vector state of guests (Intel SDM volume 1, "Managing State Using the XSAVE Feature Set").
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "hv/base/result.hpp"

namespace hv {
class Vcpu;
}

namespace hv::x86 {

// XCR0 bits that guests may set: what the CPU has and hv can switch.
std::uint64_t guest_xcr0_mask();
// #GP unless the combination is one that the processor accepts.
bool set_guest_xcr0(Vcpu& vcpu, std::uint32_t index, std::uint64_t value);
// Of an XSAVE image in the standard format with all that guests may enable.
std::size_t guest_xsave_bytes();

Result<> create_fpu(Vcpu& vcpu);
void destroy_fpu(Vcpu& vcpu);
// The initial state, or `image` (512 bytes in FXSAVE format) when it is not null.
void reset_fpu(Vcpu& vcpu, const std::uint8_t* image);
// 512 bytes in FXSAVE format.
const std::uint8_t* fpu_image(const Vcpu& vcpu);

// All of it, of a vCPU that does not run.
struct FpuImage {
    std::span<const std::uint8_t> bytes;
    bool xsave;  // XSAVE's standard format, or FXSAVE's
};
FpuImage fpu_state(const Vcpu& vcpu);

void save_fpu(Vcpu& vcpu);  // on the CPU that runs it
void load_fpu(const Vcpu& vcpu);

// The guest's own CR0.TS: its next use of the FPU traps with #NM.
void set_task_switched(Vcpu& vcpu, bool set);

}  // namespace hv::x86
