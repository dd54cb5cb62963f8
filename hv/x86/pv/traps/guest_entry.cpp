// Every entry from a guest that is not an exception, and the last work before every return to one.
#include "hv/abi/xen/hypercall.hpp"
#include "hv/domain/domain.hpp"
#include "hv/domain/event/channel.hpp"
#include "hv/domain/runstate.hpp"
#include "hv/hypercall/dispatch.hpp"
#include "hv/x86/cpu/per_cpu.hpp"
#include "hv/x86/pv/pv_vcpu.hpp"
#include "hv/x86/pv/traps/bounce.hpp"
#include "hv/x86/pv/traps/iret.hpp"
#include "hv/x86/pv/traps/traps.hpp"
#include "hv/x86/traps/guest_seam.hpp"
#include "hv/x86/traps/masked_time.hpp"
#include "hv/x86/vcpu/context_switch.hpp"

namespace hv::x86 {
namespace {

void hypercall(TrapFrame& frame) {
    const auto number = static_cast<std::uint32_t>(frame.rax);
    if (number == static_cast<std::uint32_t>(abi::xen::HypercallId::Iret)) {
        guest_iret(current_vcpu(), frame);
        return;
    }
    HypercallArguments arguments{{frame.rdi, frame.rsi, frame.rdx, frame.r10, frame.r8, frame.r9}};
    begin_preemptible_work();
    const HypercallResult result = dispatch_hypercall(number, arguments);
    if (!result && result.error() == Error::Restart) [[unlikely]] {
        // The guest issues it again, with what is left to do.
        frame.rip -= frame.instruction_length;
        frame.rdi = arguments.value[0];
        frame.rsi = arguments.value[1];
        frame.rdx = arguments.value[2];
        frame.r10 = arguments.value[3];
        frame.r8 = arguments.value[4];
        frame.r9 = arguments.value[5];
        return;
    }
    frame.rax = static_cast<std::uint64_t>(to_guest(result));
}

// has_last_work() below knows each reason for it.
void last_work(TrapFrame& frame) {
    for (;;) {
        const PerCpu& cpu = per_cpu();
        if (cpu.work.schedule.load(std::memory_order_relaxed) || cpu.work.timers.load(std::memory_order_relaxed))
            [[unlikely]]
            do_cpu_work(frame);
        Vcpu& vcpu = *cpu.current;
        PvVcpu& arch = pv(vcpu);
        if (arch.runstate_late && arch.kernel_mode) arch.runstate_late = !runstate_publish(vcpu);
        if (arch.nmi_pending.load(std::memory_order_relaxed) && arch.nmi_callback != 0 &&
            arch.nmi_pending.exchange(false)) {
            // One for each way out: other vCPUs can send them faster than this delivers them,
            // and the next one's interrupt waits.
            if (!enter_guest_kernel(vcpu, frame, {.address = arch.nmi_callback, .mask_events = true})) continue;
        }
        const abi::xen::VcpuInfo& info = *vcpu.info.load(std::memory_order_relaxed);
        const bool pending = __atomic_load_n(&info.evtchn_upcall_pending, __ATOMIC_RELAXED);
        if (!pending || info.evtchn_upcall_mask || arch.event_callback == 0) return;
        if (enter_guest_kernel(vcpu, frame, {.address = arch.event_callback, .mask_events = true})) return;
    }
}

// Out of the way, with all that it saves on the stack, since it is seldom needed.
[[gnu::noinline]] void finish(TrapFrame& frame) {
    last_work(frame);
    masked_time_ends();
}

// Is there anything for last_work() or to be measured? Mostly not, and this is short.
[[gnu::always_inline]] inline bool has_last_work(const PerCpu& cpu) {
    if (cpu.work.schedule.load(std::memory_order_relaxed) || cpu.work.timers.load(std::memory_order_relaxed) ||
        cpu.work.entered_at != 0)
        return true;
    const ArchVcpu& arch = *cpu.current->arch;
    if (arch.runstate_late || arch.nmi_pending.load(std::memory_order_relaxed)) return true;
    const abi::xen::VcpuInfo& info = *cpu.current->info.load(std::memory_order_relaxed);
    return __atomic_load_n(&info.evtchn_upcall_pending, __ATOMIC_RELAXED) && !info.evtchn_upcall_mask;
}

}  // namespace

extern "C" [[gnu::hot]] void guest_syscall(TrapFrame& frame) {
    Vcpu& vcpu = current_vcpu();
    PvVcpu& arch = pv(vcpu);
    masked_time_begins(arch.kernel_mode ? call_cause(frame.rax) : kSystemCallCause);
    if (arch.kernel_mode) [[likely]]
        return hypercall(frame);
    if (arch.syscall_callback == 0) {
        frame.rip -= frame.instruction_length;
        deliver_trap(vcpu, frame, kInvalidOpcode, {});
        return;
    }
    enter_guest_kernel(vcpu, frame, {.address = arch.syscall_callback, .mask_events = arch.syscall_masks_events});
}

extern "C" [[gnu::hot]] void return_to_guest_work(TrapFrame& frame) {
    if (has_last_work(per_cpu())) [[unlikely]]
        finish(frame);
}

}  // namespace hv::x86
