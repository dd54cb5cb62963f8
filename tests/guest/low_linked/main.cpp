// Promised: a kernel need not be what Linux is: without a virtual base in its notes it lies where it is linked,
// pseudo-physical frame n is mapped at n * 4096, the first one included; it may use one page table for itself and its
// programs, descriptors that say ring 0, and register every callback there is. Exercised: such a kernel, linked at 1
// MiB in one segment, with nothing of the other tests' library: its start, both frame translations, traps from both
// modes, software interrupts by the level of their gates, a system call, unmapping page 0. A pass means: each step
// worked and each frame said what such a kernel relies on.
#include "hv/abi/xen/layout.hpp"
#include "hv/abi/xen/shared_info.hpp"
#include "hv/abi/xen/start_info.hpp"
#include "tests/guest/lib/hypercall.hpp"

using namespace guest;

asm(R"(
    .macro NOTE_TEXT type text
    .long 4, 1f - 0f, \type
    .asciz "Xen"
0:  .asciz "\text"
1:  .balign 4
    .endm
    .pushsection .note.Xen, "a", @note
    .balign 4
    NOTE_TEXT 6 "low-linked"
    NOTE_TEXT 8 "generic"
    NOTE_TEXT 5 "xen-3.0"
    NOTE_TEXT 10 "!writable_page_tables|pae_pgdir_above_4gb"
    NOTE_TEXT 9 "yes"
    .long 4, 8, 2
    .asciz "Xen"
    .quad hypercall_page
    .popsection

    .text
    .globl low_start, hypercall_page
low_start:
    mov %rsi, boot_info
    mov $low_stack + 0x4000, %esp
    call low_main
    ud2

    .balign 4096
hypercall_page:
    .fill 4096, 1, 0xc3

    .macro STUB name vector error=0
\name:
    pop %rcx
    pop %r11
    .if \error == 0
    push $0
    .endif
    push $\vector
    jmp low_trap_common
    .endm
    STUB low_trap_3 3
    STUB low_trap_6 6
    STUB low_trap_13 13 1
    STUB low_trap_14 14 1
    STUB low_trap_0x81 0x81
low_trap_common:
    push %rax
    push %rcx
    push %rdx
    push %rsi
    push %rdi
    push %r8
    push %r9
    push %r10
    push %r11
    mov %rsp, %rdi
    call low_trap
    pop %r11
    pop %r10
    pop %r9
    pop %r8
    pop %rdi
    pop %rsi
    pop %rdx
    pop %rcx
    pop %rax
    add $8, %rsp
    movq $0, (%rsp)
    jmp hypercall_page + 23 * 32

# u64 low_user(const void* code, u64 stack): ends with vector 0x80 or a system call, and what was in rax then.
low_user:
    push %rbx
    push %rbp
    push %r12
    push %r13
    push %r14
    push %r15
    mov %rsp, low_user_return
    push $0xe02b
    push %rsi
    push $2                  # no handler for events: they stay masked
    push $0xe033
    push %rdi
    push $0
    jmp hypercall_page + 23 * 32
low_back:                    # of the entries below; the frame is not needed any more
    mov low_user_return, %rsp
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %rbp
    pop %rbx
    ret

low_program_interrupt:
    mov %cs, %eax
    int $0x80
low_program_kernel_gate:
    int $0x81                # ends in #GP, which goes on after it
    mov $0x5e7, %eax
    int $0x80
low_program_call:
    mov $0xca11, %eax
    syscall
)");

namespace {

struct Frame {
    u64 r11, r10, r9, r8, rdi, rsi, rdx, rcx, rax, vector, error, rip, cs, rflags, rsp, ss;
};

constexpr u64 kPage = 4096;
constexpr u64 kPresent = 1, kWritable = 2, kAccessed = 0x20, kDirty = 0x40;
constexpr u64 kKernelCs = kFlatRing3Cs64 & ~3ull, kKernelSs = kFlatRing3Ss64 & ~3ull;  // as frames show the kernel's

extern "C" {
[[gnu::used]] StartInfo* boot_info;
[[gnu::used]] u64 low_user_return;
alignas(kPage) [[gnu::used]] u8 low_stack[0x4000];
u64 low_user(const void* code, u64 stack);
extern u8 low_trap_3[], low_trap_6[], low_trap_13[], low_trap_14[], low_trap_0x81[], low_back[];
extern u8 low_program_interrupt[], low_program_kernel_gate[], low_program_call[];
}

alignas(kPage) u8 user_stack[kPage];
alignas(kPage) SharedInfo shared_page;
alignas(kPage) u64 gdt[512] = {0,
                               0x00af'9b00'0000'ffff,
                               0x00cf'9b00'0000'ffff,
                               0x00cf'9300'0000'ffff,
                               0x00af'fb00'0000'ffff,
                               0x00cf'fb00'0000'ffff,
                               0x00cf'f300'0000'ffff};

volatile Frame last;  // of the latest trap
volatile u64 traps;
volatile u64 go_on;  // where to, instead of where the trap was
bool failed;

void say(const char* text) {
    u64 length = 0;
    while (text[length]) ++length;
    hypercall(HypercallId::ConsoleIo, ConsoleCommand::Write, length, text);
}

[[noreturn]] void end(const char* verdict) {
    say(failed ? "FAIL low_linked: see above\n" : verdict);
    SchedShutdown reboot{
        static_cast<u32>(ShutdownReason::Reboot)};  // the runner starts the machine so that a reboot ends it
    sched_op(SchedCommand::Shutdown, &reboot);
    for (;;) {
    }
}

void expect(bool good, const char* what) {
    if (good) return;
    failed = true;
    say(what);
    say("\n");
}
#define EXPECT(condition) expect(condition, "not so: " #condition)

u64 frame_of(const volatile void* address) {
    return reinterpret_cast<const u64*>(boot_info->mfn_list)[reinterpret_cast<u64>(address) / kPage];
}

long remap(const volatile void* address, u64 flags) {
    return hypercall(HypercallId::UpdateVaMapping, address, flags ? frame_of(address) * kPage | flags : 0, kUvmfInvlpg);
}

void check_start() {
    EXPECT(hypercall_page[0] != 0xc3);
    const auto* to_phys = reinterpret_cast<const u64*>(kMachineToPhysStart);
    for (const u64 address : {reinterpret_cast<u64>(&check_start), reinterpret_cast<u64>(user_stack),
                              boot_info->pt_base, boot_info->mfn_list, u64{0}})
        EXPECT(to_phys[frame_of(reinterpret_cast<void*>(address))] == address / kPage);
    for (u64 address = kPage; address < 0x10'0000; address += kPage)
        *reinterpret_cast<volatile u64*>(address) = address;
}

long add_callback(CallbackType type, const u8* entry) {
    CallbackRegister callback{static_cast<u16>(type), kCallbackMaskEvents, 0, reinterpret_cast<u64>(entry)};
    return hypercall(HypercallId::CallbackOp, CallbackCommand::Register, &callback);
}

void set_up() {
    constexpr u16 cs = kKernelCs;
    static const TrapInfo table[] = {{3, 3 | 4, cs, 0, reinterpret_cast<u64>(low_trap_3)},
                                     {6, 0 | 4, cs, 0, reinterpret_cast<u64>(low_trap_6)},
                                     {13, 0 | 4, cs, 0, reinterpret_cast<u64>(low_trap_13)},
                                     {14, 0 | 4, cs, 0, reinterpret_cast<u64>(low_trap_14)},
                                     {0x80, 3 | 4, cs, 0, reinterpret_cast<u64>(low_back)},
                                     {0x81, 1 | 4, cs, 0, reinterpret_cast<u64>(low_trap_0x81)},
                                     {}};
    EXPECT(hypercall(HypercallId::SetTrapTable, table) == 0);
    EXPECT(add_callback(CallbackType::Event, low_back) == 0);
    EXPECT(add_callback(CallbackType::Syscall, low_back) == 0);
    EXPECT(add_callback(CallbackType::Syscall32, low_back) == 0);
    EXPECT(add_callback(CallbackType::Sysenter, low_back) == 0);

    EXPECT(remap(gdt, kPresent | kAccessed | kDirty) == 0);
    u64 frames[] = {frame_of(gdt)};
    EXPECT(hypercall(HypercallId::SetGdt, frames, 15) == 0);
    EXPECT(hypercall(HypercallId::StackSwitch, kKernelSs, low_stack + 0x2000) == 0);
    for (const u32 selector :
         {3u * 8 | 3, u32{kFlatRing3Ss64}})  // the ring 0 descriptor too: it is one of ring 3 by now
        asm volatile("mov %0, %%ds\n mov %0, %%es\n mov %0, %%fs\n mov %0, %%gs" : : "r"(selector));
    EXPECT((gdt[3] >> 45 & 3) == 3);

    u64 cr3;
    asm volatile("mov %%cr3, %0" : "=r"(cr3));
    EXPECT(cr3 / kPage == frame_of(reinterpret_cast<void*>(boot_info->pt_base)));
    MmuextOp both{static_cast<u32>(MmuextCommand::NewUserBaseptr), 0, {cr3 / kPage}, {}};
    EXPECT(hypercall(HypercallId::MmuextOp, &both, 1, nullptr, kDomidSelf) == 0);
    EXPECT(hypercall(HypercallId::UpdateVaMapping, &shared_page,
                     boot_info->shared_info | kPresent | kWritable | kAccessed | kDirty, kUvmfInvlpg) == 0);
    EXPECT(shared_page.vcpu_info[0].evtchn_upcall_mask == 1);
    EXPECT(remap(nullptr, 0) == 0);
}

void check_kernel_traps() {
    asm volatile("int3\n 1: lea 1b(%%rip), %%rax\n mov %%rax, %0" : "=m"(go_on) : : "rax");
    EXPECT(traps == 1 && last.vector == 3 && last.rip == go_on && last.cs == (kKernelCs | u64{1} << 32));
    asm volatile("lea 1f(%%rip), %%rax\n mov %%rax, %0\n ud2\n 1:" : "=m"(go_on) : : "rax", "memory");
    EXPECT(traps == 2 && last.vector == 6 && (last.cs & 0xffff) == kKernelCs);
    asm volatile("lea 1f(%%rip), %%rax\n mov %%rax, %0\n mov 0, %%al\n 1:" : "=m"(go_on) : : "rax", "memory");
    EXPECT(traps == 3 && last.vector == 14 && last.error == 0 && shared_page.vcpu_info[0].arch.cr2 == 0);
    asm volatile("lea 1f(%%rip), %%rax\n mov %%rax, %0\n int $0x81\n 1:" : "=m"(go_on) : : "rax", "memory");
    // QEMU 7.2 shifts the error code by one bit too many; a hypervisor that takes the
    // vector from it can deliver none of these.
    if (last.vector == 13 && last.error == (0x81 << 4 | 2)) end("SKIP low_linked: no software interrupts here\n");
    EXPECT(traps == 4 && last.vector == 0x81 && (last.cs & 0xffff) == kKernelCs);
    asm volatile("lea 1f(%%rip), %%rax\n mov %%rax, %0\n int $0x90\n 1:" : "=m"(go_on) : : "rax", "memory");
    EXPECT(traps == 5 && last.vector == 13 && last.error == (0x90 << 3 | 2));
}

void check_user() {
    const u64 top = reinterpret_cast<u64>(user_stack) + kPage;
    EXPECT((low_user(low_program_interrupt, top) & 0xffff'ffff) == kFlatRing3Cs64);
    go_on = reinterpret_cast<u64>(low_program_kernel_gate) + 2;
    EXPECT(low_user(low_program_kernel_gate, top) == 0x5e7);
    EXPECT(traps == 6 && last.vector == 13 && last.error == (0x81 << 3 | 2) && (last.cs & 0xffff) == kFlatRing3Cs64 &&
           last.rsp == top);
    EXPECT(low_user(low_program_call, top) == 0xca11);
}

}  // namespace

extern "C" {
[[gnu::used]] void low_trap(Frame& frame) {
    traps = traps + 1;
    last.vector = frame.vector;
    last.error = frame.error;
    last.rip = frame.rip;
    last.cs = frame.cs;
    last.rsp = frame.rsp;
    if (traps > 20) {
        expect(false, "too many traps");
        end("");
    }
    if (frame.vector != 3 && go_on) frame.rip = go_on;
}

[[gnu::used]] void low_main() {
    check_start();
    set_up();
    check_kernel_traps();
    check_user();
    end("PASS low_linked\n");
}
}
