#include "tests/guest/lib/vcpu.hpp"

#include "tests/guest/lib/guest.hpp"
#include "tests/guest/lib/memory.hpp"
#include "tests/guest/lib/traps.hpp"

namespace guest {
namespace {

extern "C" u8 boot_stack[], event_stub[], failsafe_stub[], secondary_start[];
alignas(kVcpuStackBytes) u8 stacks[kMaxVcpus - 1][kVcpuStackBytes];
VcpuGuestContext context;

extern "C" void secondary_done() {
    for (;;) vcpu_op(VcpuCommand::Down, this_vcpu().id, nullptr);
}

}  // namespace

VcpuInfo& ThisVcpu::info() const {
    return shared_info().vcpu_info[id];
}

ThisVcpu& this_vcpu() {
    u64 stack;
    asm("mov %%rsp, %0" : "=r"(stack));
    return *reinterpret_cast<ThisVcpu*>(stack & ~(kVcpuStackBytes - 1));
}

void init_boot_vcpu() {
    *reinterpret_cast<ThisVcpu*>(boot_stack) = {0, nullptr};
}

u32 vcpu_count() {
    u32 count = 0;
    while (count < kMaxVcpus && vcpu_op(VcpuCommand::IsUp, count, nullptr) >= 0) ++count;
    return count;
}

VcpuGuestContext& prepare_context(u32 id, void (*function)(void*), void* argument) {
    u8* const stack = stacks[id - 1];
    *reinterpret_cast<ThisVcpu*>(stack) = {id, nullptr};
    context = {};
    context.flags = kVgcfInKernel;
    context.user_regs.rip = reinterpret_cast<u64>(secondary_start);
    context.user_regs.rsp = reinterpret_cast<u64>(stack) + kVcpuStackBytes;
    context.user_regs.rdi = reinterpret_cast<u64>(function);
    context.user_regs.rsi = reinterpret_cast<u64>(argument);
    context.user_regs.cs = kFlatKernelCs;
    context.user_regs.ss = kFlatKernelSs;
    context.user_regs.rflags = 2;
    context.kernel_ss = kFlatKernelSs;
    context.kernel_sp = context.user_regs.rsp;
    for (const TrapInfo* trap = trap_table(); trap->address; ++trap) context.trap_context[trap->vector] = *trap;
    context.event_callback_rip = reinterpret_cast<u64>(event_stub);
    context.failsafe_callback_rip = reinterpret_cast<u64>(failsafe_stub);
    context.ctrlreg[3] = frame_to_cr3(top_table_mfn());
    shared_info().vcpu_info[id].evtchn_upcall_mask = 1;
    return context;
}

long start_vcpu(u32 id, void (*function)(void*), void* argument) {
    const long result = vcpu_op(VcpuCommand::Initialise, id, &prepare_context(id, function, argument));
    return result ? result : vcpu_op(VcpuCommand::Up, id, nullptr);
}

bool vcpu_is_up(u32 id) {
    return vcpu_op(VcpuCommand::IsUp, id, nullptr) == 1;
}

void wait_until_down(u32 id) {
    while (vcpu_is_up(id)) yield();
}

void yield() {
    sched_op(SchedCommand::Yield, nullptr);
}

}  // namespace guest
