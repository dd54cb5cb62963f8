// Promised: a guest that breaks its own state so that hv cannot go on with it is crashed, alone.
// Exercised: one domain per way to die: traps without a usable stack, without a handler, iret with a stack that is not
// there or to a user mode that is not set up, a failsafe callback that fails, a page table of its own taken away, a
// crash of its own wish, a watchdog that is not fed. A pass means: every one of these domains ended as crashed (or with
// the reason that it chose), and Dom0 noticed nothing.
#include "tests/guest/lib/domu.hpp"
#include "tests/guest/lib/events.hpp"
#include "tests/guest/lib/guest.hpp"
#include "tests/guest/lib/traps.hpp"
#include "tests/guest/lib/vcpu.hpp"

using namespace guest;

namespace {

using Suicide = void (*)();

void trap_without_stack() {
    asm volatile("mov $0x1000, %rsp\n ud2");
}
void trap_with_wild_stack() {
    asm volatile("movabs $0x0000800000000100, %rsp\n ud2");
}
void trap_with_hv_stack() {
    asm volatile("movabs $0xffff820000001000, %rsp\n ud2");
}
void trap_with_stack_above_hv() {
    asm volatile("movabs $0xffff880000000030, %rsp\n ud2");  // what hv pushes would begin in its own memory
}
void trap_with_table_stack() {
    asm volatile("mov %0, %%rsp\n ud2" : : "r"(start_info().pt_base + 4096));  // hv would push onto a page table
}
void trap_without_handler() {
    hypercall(HypercallId::SetTrapTable, nullptr);
    asm volatile("ud2");
}
void handler_nowhere() {
    const TrapInfo table[2] = {{6, 0, kFlatKernelCs, 0, 0x1000}, {}};
    hypercall(HypercallId::SetTrapTable, table);
    const TrapInfo fault[2] = {{14, 0, kFlatKernelCs, 0, 0x2000}, {}};
    hypercall(HypercallId::SetTrapTable, fault);
    asm volatile("ud2");  // faults for ever, until the stack is used up
}
void iret_without_stack() {
    asm volatile("mov $0x1000, %rsp\n lea hypercall_page + 23 * 32(%rip), %rax\n jmp *%rax");
}
void iret_from_hv() {
    asm volatile("movabs $0xffff820000001000, %rsp\n mov $23, %eax\n syscall");
}
void iret_into_the_hole() {
    asm volatile("movabs $0x00007fffffffffe0, %rsp\n mov $23, %eax\n syscall");
}
void iret_past_the_end() {
    asm volatile("mov $-0x20, %rsp\n mov $23, %eax\n syscall");
}
void iret_to_missing_user() {
    asm volatile(
        "push $0xe02b\n push $0x1000\n push $0x202\n push $0xe033\n push $0x1000\n push $0\n"
        "lea hypercall_page + 23 * 32(%rip), %rax\n jmp *%rax");
}
void failsafe_nowhere() {
    hypercall(HypercallId::SetCallbacks, 0x1000, 0x1000, 0x1000);
    const TrapInfo faults[3] = {{13, 0, kFlatKernelCs, 0, 0x2000}, {14, 0, kFlatKernelCs, 0, 0x2000}, {}};
    hypercall(HypercallId::SetTrapTable, faults);
    asm volatile(
        "push $0xe02b\n push %rsp\n push $2\n push $0x1230\n push $0x1000\n push $0\n"
        "mov $0x3000, %ecx\n lea hypercall_page + 23 * 32(%rip), %rax\n jmp *%rax");
}
void upcall_nowhere() {
    hypercall(HypercallId::SetCallbacks, 0x1000, 0x1000, 0x1000);
    const TrapInfo fault[2] = {{14, 0, kFlatKernelCs, 0, 0x2000}, {}};
    hypercall(HypercallId::SetTrapTable, fault);
    const u32 port = static_cast<u32>(bind_ipi(0));
    enable_events();
    send(port);
}
void unmap_self() {
    const u64 place = entry_machine_address(kVirtBase, 4);
    update_entry(place, 0);
    mmuext(MmuextCommand::TlbFlushLocal, 0);
}
void ask_for_crash() {
    shut_down(ShutdownReason::Crash);
}
void starve_watchdog() {
    SchedWatchdog watchdog{0, 1};
    sched_op(SchedCommand::Watchdog, &watchdog);
    for (;;) yield();
}
void ask_for_reboot() {
    shut_down(ShutdownReason::Reboot);
}
struct Way {
    Suicide die;
    ShutdownReason end;
};

constexpr Way kWays[] = {
    {trap_without_stack, ShutdownReason::Crash},
    {trap_with_wild_stack, ShutdownReason::Crash},
    {trap_with_hv_stack, ShutdownReason::Crash},
    {trap_with_stack_above_hv, ShutdownReason::Crash},
    {trap_with_table_stack, ShutdownReason::Crash},
    {trap_without_handler, ShutdownReason::Crash},
    {handler_nowhere, ShutdownReason::Crash},
    {iret_without_stack, ShutdownReason::Crash},
    {iret_from_hv, ShutdownReason::Crash},
    {iret_into_the_hole, ShutdownReason::Crash},
    {iret_past_the_end, ShutdownReason::Crash},
    {iret_to_missing_user, ShutdownReason::Crash},
    {failsafe_nowhere, ShutdownReason::Crash},
    {upcall_nowhere, ShutdownReason::Crash},
    {unmap_self, ShutdownReason::Crash},
    {ask_for_crash, ShutdownReason::Crash},
    {starve_watchdog, ShutdownReason::Watchdog},
    {ask_for_reboot, ShutdownReason::Reboot},
};

}  // namespace

void guest::domu_main(u64 role) {
    kWays[role - 1].die();
    for (;;) yield();  // not dead: Dom0 says which one
}

void guest::test_main() {
    if (!on_hv()) skip("needs the control hypercall");
    namespace control = hv::abi::control;
    const Page mine = allocate_page();
    for (u64 role = 1; role <= sizeof(kWays) / sizeof(kWays[0]); ++role) {
        mine.words()[0] = role;
        const DomU domain = build_domu({.role = role});
        unpause_domu(domain);
        const u64 deadline = system_time() + 30'000'000'000;
        control::DomainInfo info = domu_info(domain);
        for (; !(info.flags & control::kDomainShutdown) && system_time() < deadline; info = domu_info(domain)) yield();
        if (!(info.flags & control::kDomainShutdown))
            note_failure(Text{}.add("way ", role, " to die: the domain lives on"));
        else if (info.shutdown_reason != static_cast<u32>(kWays[role - 1].end))
            note_failure(Text{}.add("way ", role, " to die: reason ", info.shutdown_reason));
        EXPECT_EQ(destroy_domu(domain), 0);
        EXPECT_EQ(mine.words()[0], role);
    }
}
