#include "hv/x86/pv/hypercalls/register_hypercalls.hpp"

#include <iterator>

#include "hv/abi/xen/hypercall.hpp"
#include "hv/hypercall/dispatch.hpp"
#include "hv/x86/devices/machine_hypercalls.hpp"
#include "hv/x86/pv/hypercalls/guest_setup.hpp"
#include "hv/x86/pv/mmu/mmu_hypercalls.hpp"
#include "hv/x86/pv/traps/iret.hpp"

namespace hv::x86 {
namespace {

using abi::xen::HypercallId;

constexpr std::uint32_t number_of(HypercallId id) {
    return static_cast<std::uint32_t>(id);
}

constexpr HypercallEntry kEntries[] = {
    {number_of(HypercallId::SetTrapTable), "set_trap_table", do_set_trap_table, kPvOnly},
    {number_of(HypercallId::MmuUpdate), "mmu_update", do_mmu_update, kPvOnly},
    {number_of(HypercallId::SetGdt), "set_gdt", do_set_gdt, kPvOnly},
    {number_of(HypercallId::StackSwitch), "stack_switch", do_stack_switch, kPvOnly},
    {number_of(HypercallId::SetCallbacks), "set_callbacks", do_set_callbacks, kPvOnly},
    {number_of(HypercallId::FpuTaskswitch), "fpu_taskswitch", do_fpu_taskswitch, kPvOnly},
    {number_of(HypercallId::SetDebugreg), "set_debugreg", do_set_debugreg, kPvOnly},
    {number_of(HypercallId::GetDebugreg), "get_debugreg", do_get_debugreg, kPvOnly},
    {number_of(HypercallId::UpdateDescriptor), "update_descriptor", do_update_descriptor, kPvOnly},
    {number_of(HypercallId::UpdateVaMapping), "update_va_mapping", do_update_va_mapping, kPvOnly},
    {number_of(HypercallId::VmAssist), "vm_assist", do_vm_assist, kPvOnly},
    {number_of(HypercallId::UpdateVaMappingOtherdomain), "update_va_mapping_otherdomain",
     do_update_va_mapping_otherdomain, kPvOnly},
    // Without a name, as it is not counted: the entry code carries it out before it comes to the table
    // (guest_entry.cpp).
    {number_of(HypercallId::Iret), nullptr, do_iret, kPvOnly},
    {number_of(HypercallId::SetSegmentBase), "set_segment_base", do_set_segment_base, kPvOnly},
    {number_of(HypercallId::MmuextOp), "mmuext_op", do_mmuext_op, kPvOnly},
    {number_of(HypercallId::NmiOp), "nmi_op", do_nmi_op, kPvOnly},
    {number_of(HypercallId::CallbackOp), "callback_op", do_callback_op, kPvOnly},
    {number_of(HypercallId::PhysdevOpCompat), "physdev_op_compat", do_physdev_op_compat, kPvOnly},
};

}  // namespace

void register_pv_hypercalls() {
    register_hypercalls(kEntries, std::size(kEntries));
}

}  // namespace hv::x86
