// Which code owns the processor's SPEC_CTRL register, and what the register holds when.
//
// In hv it holds hv_spec_ctrl, in a guest PerCpu::guest_spec_ctrl of the CPU that runs it. Only the ways in and out
// write the register, and only where spec_ctrl_switched(). All other code says what it shall hold by changing
// guest_spec_ctrl, in hv mode and on that CPU (when it loads a vCPU, when its guest writes the register). The way out
// writes it; nothing is left to do.
#pragma once

#include <cstdint>

namespace hv::x86 {

// Intel SDM volume 4, IA32_SPEC_CTRL; AMD's are the same where there are any.
enum SpecCtrlBits : std::uint64_t {
    kSpecCtrlIbrs = 1u << 0,
    kSpecCtrlStibp = 1u << 1,
    kSpecCtrlSsbd = 1u << 2,
    kSpecCtrlPsfd = 1u << 7,
    kSpecCtrlBhiDisS = 1u << 10,
};

// PRED_CMD: write-only.
inline constexpr std::uint64_t kPredCmdIbpb = 1u << 0;

// hv's own value. Constant between two calls of choose_spec_ctrl().
extern "C" std::uint64_t hv_spec_ctrl;

// By what is at work; cpu/leaks.hpp calls it when it has decided. Before guests run, or at a standstill.
void choose_spec_ctrl();

// The processor has the register, and it is written on every way in and out. False: guest_spec_ctrl is for nothing, and
// guests are not to have the register.
bool spec_ctrl_switched();

// What PerCpu::guest_spec_ctrl is to be for a guest that has written `wanted` (0 when it never did): with what hv keeps
// on in guests, too. The guest is shown `wanted`.
std::uint64_t spec_ctrl_for_guest(std::uint64_t wanted);

}  // namespace hv::x86
