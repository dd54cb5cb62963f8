// Hypercalls with which a PV kernel sets up its virtual processor.
#pragma once

#include "hv/abi/xen/shared_info.hpp"
#include "hv/abi/xen/vcpu_state.hpp"
#include "hv/hypercall/hypercall.hpp"

namespace hv::x86 {

struct PvVcpu;

HypercallResult do_set_trap_table(HypercallArguments& arguments);
HypercallResult do_set_callbacks(HypercallArguments& arguments);
HypercallResult do_callback_op(HypercallArguments& arguments);
HypercallResult do_nmi_op(HypercallArguments& arguments);
HypercallResult do_stack_switch(HypercallArguments& arguments);
HypercallResult do_fpu_taskswitch(HypercallArguments& arguments);
HypercallResult do_set_segment_base(HypercallArguments& arguments);
HypercallResult do_set_debugreg(HypercallArguments& arguments);
HypercallResult do_get_debugreg(HypercallArguments& arguments);
HypercallResult do_set_gdt(HypercallArguments& arguments);
HypercallResult do_update_descriptor(HypercallArguments& arguments);
HypercallResult do_vm_assist(HypercallArguments& arguments);

// Bits of abi VmAssistType.
inline constexpr std::uint64_t kSupportedVmAssists =
    (1u << static_cast<unsigned>(abi::xen::VmAssistType::Segments4Gb)) |
    (1u << static_cast<unsigned>(abi::xen::VmAssistType::Segments4GbNotify)) |
    (1u << static_cast<unsigned>(abi::xen::VmAssistType::WritablePagetables)) |
    (1u << static_cast<unsigned>(abi::xen::VmAssistType::PaeExtendedCr3)) |
    (1u << static_cast<unsigned>(abi::xen::VmAssistType::ArchitecturalIopl)) |
    (1u << static_cast<unsigned>(abi::xen::VmAssistType::RunstateUpdateFlag)) |
    // What it asks for is so anyway (hv_slots.hpp).
    (std::uint64_t{1} << static_cast<unsigned>(abi::xen::VmAssistType::M2pStrict));

// One entry of the virtual IDT.
Result<> set_gate(PvVcpu& arch, const abi::xen::TrapInfo& trap);

}  // namespace hv::x86
