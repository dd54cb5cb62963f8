// Hypercalls with which a PV kernel sets up its virtual processor: traps, callbacks, stacks, segments, descriptors.
#include <cstring>

#include "hv/abi/xen/callback.hpp"
#include "hv/abi/xen/layout.hpp"
#include "hv/abi/xen/nmi.hpp"
#include "hv/abi/xen/shared_info.hpp"
#include "hv/abi/xen/vcpu_state.hpp"
#include "hv/domain/domain.hpp"
#include "hv/memory/guest_access.hpp"
#include "hv/x86/cpu/registers.hpp"
#include "hv/x86/paging/layout.hpp"
#include "hv/x86/pv/descriptors/descriptors.hpp"
#include "hv/x86/pv/descriptors/segments.hpp"
#include "hv/x86/pv/hypercalls/guest_setup.hpp"
#include "hv/x86/pv/mmu/guest_tables.hpp"
#include "hv/x86/pv/mmu/table_lock.hpp"
#include "hv/x86/pv/pv_vcpu.hpp"
#include "hv/x86/pv/traps/iopl.hpp"
#include "hv/x86/vcpu/debug_registers.hpp"
#include "hv/x86/vcpu/fpu.hpp"

namespace hv::x86 {
namespace {

using namespace abi::xen;

PvVcpu& arch_of_current() {
    return pv(current_vcpu());
}

Result<> set_callback(PvVcpu& arch, CallbackType type, std::uint64_t address, bool mask_events) {
    if (!canonical(address)) return fail(Error::BadArgument);
    switch (type) {
        case CallbackType::Event: arch.event_callback = address; return {};
        case CallbackType::Failsafe:
            arch.failsafe_callback = address;
            arch.failsafe_masks_events = mask_events;
            return {};
        case CallbackType::Syscall:
            arch.syscall_callback = address;
            arch.syscall_masks_events = mask_events;
            return {};
        case CallbackType::Syscall32:
            arch.syscall32_callback = address;
            arch.syscall32_masks_events = mask_events;
            return {};
        case CallbackType::Sysenter:
        case CallbackType::SysenterDeprecated:
            arch.sysenter_callback = address;
            arch.sysenter_masks_events = mask_events;
            return {};
        case CallbackType::Nmi: arch.nmi_callback = address; return {};
    }
    return fail(Error::NotImplemented);
}

}  // namespace

Result<> set_gate(PvVcpu& arch, const TrapInfo& trap) {
    if (!canonical(trap.address)) return fail(Error::BadArgument);
    arch.gates[trap.vector] = {trap.address, trap.cs, trap.flags};
    return {};
}

HypercallResult do_set_trap_table(HypercallArguments& arguments) {
    PvVcpu& arch = arch_of_current();
    if (arguments.value[0] == 0) {
        arch.gates = {};
        return 0;
    }
    const GuestVirtual table{arguments.value[0]};
    for (std::size_t index = 0;; ++index) {
        if (index != 0 && preemption_needed()) {
            arguments.value[0] = table.raw + index * sizeof(TrapInfo);
            return fail(Error::Restart);
        }
        const TrapInfo trap = TRY(fetch_at<TrapInfo>(table, index));
        if (trap.address == 0) return 0;
        TRY(set_gate(arch, trap));
    }
}

HypercallResult do_set_callbacks(HypercallArguments& arguments) {
    PvVcpu& arch = arch_of_current();
    TRY(set_callback(arch, CallbackType::Event, arguments.value[0], true));
    TRY(set_callback(arch, CallbackType::Failsafe, arguments.value[1], false));
    TRY(set_callback(arch, CallbackType::Syscall, arguments.value[2], false));
    return 0;
}

HypercallResult do_callback_op(HypercallArguments& arguments) {
    PvVcpu& arch = arch_of_current();
    switch (static_cast<CallbackCommand>(arguments.value[0])) {
        case CallbackCommand::Register: {
            const auto request = TRY(fetch<CallbackRegister>(GuestVirtual{arguments.value[1]}));
            TRY(set_callback(arch, static_cast<CallbackType>(request.type), request.address,
                             request.flags & kCallbackMaskEvents));
            return 0;
        }
        case CallbackCommand::Unregister: {
            const auto request = TRY(fetch<CallbackUnregister>(GuestVirtual{arguments.value[1]}));
            const auto type = static_cast<CallbackType>(request.type);
            if (type == CallbackType::Event || type == CallbackType::Failsafe) return fail(Error::BadArgument);
            TRY(set_callback(arch, type, 0, false));
            return 0;
        }
    }
    return fail(Error::NotImplemented);
}

HypercallResult do_nmi_op(HypercallArguments& arguments) {
    PvVcpu& arch = arch_of_current();
    switch (static_cast<NmiCommand>(arguments.value[0])) {
        case NmiCommand::RegisterCallback: {
            if (current_vcpu().id != VcpuId{0}) return fail(Error::BadArgument);
            const auto request = TRY(fetch<NmiCallback>(GuestVirtual{arguments.value[1]}));
            TRY(set_callback(arch, CallbackType::Nmi, request.handler_address, true));
            return 0;
        }
        case NmiCommand::UnregisterCallback: arch.nmi_callback = 0; return 0;
    }
    return fail(Error::NotImplemented);
}

HypercallResult do_stack_switch(HypercallArguments& arguments) {
    PvVcpu& arch = arch_of_current();
    arch.kernel_ss = (arguments.value[0] & 0xffff) | 3;
    arch.kernel_sp = arguments.value[1];
    return 0;
}

HypercallResult do_fpu_taskswitch(HypercallArguments& arguments) {
    set_task_switched(current_vcpu(), arguments.value[0] != 0);
    return 0;
}

HypercallResult do_set_segment_base(HypercallArguments& arguments) {
    const std::uint64_t value = arguments.value[1];
    const auto which = static_cast<SegmentBase>(arguments.value[0]);
    if (which != SegmentBase::GsUserSelector && !canonical(value)) return fail(Error::BadArgument);
    switch (which) {
        case SegmentBase::Fs: write_msr(Msr::FsBase, value); return 0;
        case SegmentBase::GsUser:
            write_msr(Msr::KernelGsBase, value);
            return 0;  // the kernel calls: the user's is inactive
        case SegmentBase::GsKernel: write_msr(Msr::GsBase, value); return 0;
        case SegmentBase::GsUserSelector: load_user_gs(static_cast<std::uint16_t>(value)); return 0;
    }
    return fail(Error::BadArgument);
}

HypercallResult do_set_debugreg(HypercallArguments& arguments) {
    if (arguments.value[0] > 7) return fail(Error::BadArgument);
    TRY(write_guest_debug_register(current_vcpu(), static_cast<unsigned>(arguments.value[0]), arguments.value[1]));
    return 0;
}

HypercallResult do_get_debugreg(HypercallArguments& arguments) {
    std::uint64_t value;
    if (arguments.value[0] > 7 ||
        !read_guest_debug_register(current_vcpu(), static_cast<unsigned>(arguments.value[0]), value))
        return fail(Error::BadArgument);
    return value;
}

HypercallResult do_vm_assist(HypercallArguments& arguments) {
    const std::uint64_t type = arguments.value[1];
    if (type >= 64 || !((kSupportedVmAssists >> type) & 1)) return fail(Error::BadArgument);
    std::atomic<std::uint64_t>& assists = current_domain().vm_assist;
    switch (static_cast<VmAssistCommand>(arguments.value[0])) {
        case VmAssistCommand::Enable: assists.fetch_or(std::uint64_t{1} << type); break;
        case VmAssistCommand::Disable: assists.fetch_and(~(std::uint64_t{1} << type)); break;
        default: return fail(Error::NotImplemented);
    }
    // What frames show changes with the assist: on other vCPUs from their next change of the level on.
    set_iopl(current_vcpu(), pv(current_vcpu()).iopl);
    return 0;
}

}  // namespace hv::x86
