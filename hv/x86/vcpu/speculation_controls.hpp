// The registers in which a vCPU's kernel says how its CPU may speculate: SPEC_CTRL, and on AMD's older processors
// VIRT_SPEC_CTRL, which is a bit of the CPU's LS_CFG.
#pragma once

namespace hv {
class Domain;
class Vcpu;
}  // namespace hv

namespace hv::x86 {

struct GuestControls;

// What there is for the domain's kernel, by its kind and by what was decided last (leaks/guest_controls.hpp).
const GuestControls& controls_of(const Domain& domain);

// The vCPU's values: SPEC_CTRL is written on the way to the guest (cpu/spec_ctrl.hpp), the other one now.
void load_speculation_controls(const Vcpu& vcpu);
// What hv keeps on in guests has changed (cpu/spec_ctrl.hpp): for the vCPU on this CPU, if any.
void refresh_speculation_controls();

}  // namespace hv::x86
