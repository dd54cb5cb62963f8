// Promised: the iret hypercall restores what a trap saved, lets flags through that are the guest's and no
// others, and a frame that the machine refuses comes back as the machine's exception, or in the failsafe
// callback. The processor's own iret and far return work within ring 3. Exercised: good frames, frames with
// privileged flags, bad selectors, addresses that are not canonical, a hypercall by the last instruction of the
// lower half of the address space. A pass means: no frame gave I/O privilege or masked interrupts of the
// machine, and every bad one came back with the guest alive.
#include "tests/guest/lib/events.hpp"
#include "tests/guest/lib/guest.hpp"
#include "tests/guest/lib/memory.hpp"
#include "tests/guest/lib/traps.hpp"
#include "tests/guest/lib/vcpu.hpp"

using namespace guest;

namespace {

constexpr u64 kInterruptFlag = 1u << 9, kIopl = 3u << 12, kNestedTask = 1u << 14, kVm = 1u << 17, kCarry = 1;
constexpr u64 kKernelCs = kFlatKernelCs & ~3ull;  // kernel mode is told by the selector's low bits being clear

// Executes the iret hypercall with a frame that differs from a good one, and returns the flags that hold afterwards.
u64 iret_with(u64 rip, u64 cs, u64 rflags, u64 ss, bool keep_rip) {
    u64 result = 0;
    asm volatile(
        "mov %%rsp, %%rdx\n"
        "push %[ss]\n push %%rdx\n push %[flags]\n push %[cs]\n"
        "lea 1f(%%rip), %%rax\n test %[keep], %[keep]\n cmovz %[rip], %%rax\n push %%rax\n"
        "push $0\n"
        "lea hypercall_page + 23 * 32(%%rip), %%rax\n jmp *%%rax\n"
        "1: pushf\n pop %[result]\n"
        : [result] "=&r"(result)
        : [rip] "r"(rip), [cs] "r"(cs), [flags] "r"(rflags), [ss] "r"(ss), [keep] "r"(u64{keep_rip})
        : "rax", "rdx", "rcx", "r11", "memory", "cc");
    return result;
}

u64 iret_flags(u64 rflags) {
    return iret_with(0, kKernelCs, rflags, kFlatKernelSs, true);
}

void check_flags() {
    u64 flags = iret_flags(2 | kCarry);
    EXPECT_TRUE(flags & kCarry);
    EXPECT_TRUE(!(flags & (kIopl | kVm | kNestedTask)));
    EXPECT_TRUE(flags & kInterruptFlag);  // the machine's own is never off
    EXPECT_EQ(this_vcpu().info().evtchn_upcall_mask, 1);
    flags = iret_flags(2 | kInterruptFlag);
    EXPECT_EQ(this_vcpu().info().evtchn_upcall_mask, 0);
    EXPECT_TRUE(!(flags & kCarry));
    disable_events();
    flags = iret_flags(2 | kIopl);
    EXPECT_TRUE(!(flags & kIopl));
    EXPECT_TRUE(flags & kInterruptFlag);
    flags = iret_flags(2 | kVm);
    EXPECT_TRUE(!(flags & kVm));
}

// The instruction itself, within ring 3: no trap at all on the machine. QEMU 7.2 reads its frame as a supervisor would,
// which must not be felt here even where the hypervisor uses SMAP.
void check_instruction() {
    u64 reached = 0;
    const Fault fault = catch_fault([&] {
        asm volatile(
            "mov %%rsp, %%rdx\n push %[ss]\n push %%rdx\n pushf\n push %[cs]\n lea 1f(%%rip), %%rax\n push %%rax\n"
            "iretq\n 1: mov $1, %[reached]\n"
            : [reached] "=&r"(reached)
            : [ss] "r"(u64{kFlatKernelSs}), [cs] "r"(u64{kFlatKernelCs})
            : "rax", "rdx", "memory", "cc");
    });
    EXPECT_TRUE(!fault.happened && reached == 1);
}

// A far return to a selector: as an iret, without flags and stack. The frame may be of 32
// bits, and more may go off the stack.
void check_far_return() {
    u64 reached = 0, lost = 1;
    Fault fault = catch_fault([&] {
        asm volatile(
            "mov %%rsp, %%rdx\n push %[cs]\n lea 1f(%%rip), %%rax\n push %%rax\n"
            "lretq\n 1: mov $1, %[reached]\n sub %%rsp, %%rdx\n mov %%rdx, %[lost]\n"
            : [reached] "=&r"(reached), [lost] "=&r"(lost)
            : [cs] "r"(u64{kFlatKernelCs})
            : "rax", "rdx", "memory", "cc");
    });
    EXPECT_TRUE(!fault.happened && reached == 1);
    EXPECT_EQ(lost, 0);
    reached = 0;
    lost = 1;
    fault = catch_fault([&] {
        asm volatile(
            "mov %%rsp, %%rdx\n push $0\n push $0\n push %[cs]\n lea 1f(%%rip), %%rax\n push %%rax\n"
            "lretq $16\n 1: mov $1, %[reached]\n sub %%rsp, %%rdx\n mov %%rdx, %[lost]\n"
            : [reached] "=&r"(reached), [lost] "=&r"(lost)
            : [cs] "r"(u64{kFlatKernelCs})
            : "rax", "rdx", "memory", "cc");
    });
    EXPECT_TRUE(!fault.happened && reached == 1);
    EXPECT_EQ(lost, 0);
    // To a selector of the kernel's own, as its GDT has it.
    const Page gdt = allocate_page();
    constexpr u64 kOwnSelector = 8 | 3, kLongCode = 0x00af'fb00'0000'ffff;
    gdt.words()[1] = kLongCode;
    REQUIRE_EQ(make_read_only(gdt), 0);
    u64 frame = gdt.mfn, now = 0;
    REQUIRE_EQ(hypercall(HypercallId::SetGdt, &frame, 512), 0);
    fault = catch_fault([&] {
        asm volatile(
            "push %[own]\n lea 1f(%%rip), %%rax\n push %%rax\n lretq\n"
            "1: mov %%cs, %[now]\n push %[flat]\n lea 2f(%%rip), %%rax\n push %%rax\n lretq\n 2:\n"
            : [now] "=&r"(now)
            : [own] "r"(kOwnSelector), [flat] "r"(u64{kFlatKernelCs})
            : "rax", "memory", "cc");
    });
    EXPECT_TRUE(!fault.happened);
    EXPECT_EQ(now & 0xffff, kOwnSelector);
    EXPECT_EQ(hypercall(HypercallId::SetGdt, &frame, 0), 0);
    // A selector that is not there, and hv's own code: never ring 0.
    for (const u64 bad : {0x1230ull, 0ull, 0xe008ull, 0xe000ull}) {
        now = 3;
        catch_fault([&] {
            asm volatile("push %[cs]\n lea 1f(%%rip), %%rax\n push %%rax\n lretq\n 1: mov %%cs, %[now]\n"
                         : [now] "=&r"(now)
                         : [cs] "r"(bad)
                         : "rax", "memory", "cc");
        });
        EXPECT_EQ(now & 3, 3);
    }
}

void expect_failsafe(u64 rip, u64 cs, u64 ss, bool keep_rip) {
    const Fault fault = catch_fault([=] { iret_with(rip, cs, 2, ss, keep_rip); });
    EXPECT_TRUE(fault.happened);
    EXPECT_TRUE(fault.vector == kFailsafeVector || fault.vector == kGeneralProtection || fault.vector == kPageFault);
}

void check_bad_frames() {
    expect_failsafe(0x0000'8000'0000'0000, kKernelCs, kFlatKernelSs, false);
    expect_failsafe(0xdead'0000'0000'0000, kKernelCs, kFlatKernelSs, false);
    expect_failsafe(kHypervisorVirtStart, kKernelCs, kFlatKernelSs, false);
    expect_failsafe(0, 0, kFlatKernelSs, true);
    expect_failsafe(0, 0x1234, kFlatKernelSs, true);
    expect_failsafe(0, kKernelCs, 0x1230, true);
    expect_failsafe(0x1000, kKernelCs, kFlatKernelSs, false);  // a good return to a place that is not there
}

extern "C" const char privileged_instructions[];
asm("privileged_instructions: .rept 64\n clts\n .endr\n ud2\n");

// What the frame leads to is never reached: the fault is there, and nothing is carried out in the guest's name, which
// would go on for as long as there are such instructions.
void check_nothing_is_carried_out() {
    const u64 rip = reinterpret_cast<u64>(privileged_instructions);
    const auto refused = [=](u64 cs, u64 ss) {
        const Fault fault = catch_fault([=] { iret_with(rip, cs, 2, ss, false); });
        EXPECT_TRUE(fault.happened);
        EXPECT_EQ(fault.vector, kGeneralProtection);
        EXPECT_EQ(fault.rip, rip);
    };
    refused(0, kFlatKernelSs);
    refused(kKernelCs, 0x1230);
}

// The hypervisor's own selectors: whatever comes of them, it must be ring 3.
void check_hypervisor_selectors() {
    for (const u64 cs : {0xe008ull, 0xe000ull, 0xe018ull, 0xe040ull}) {
        u64 now = 3;
        catch_fault([&] {
            iret_with(0, cs, 2, kFlatKernelSs, true);
            asm volatile("mov %%cs, %0" : "=r"(now));
        });
        EXPECT_EQ(now & 3, 3);
    }
}

// It comes back to an address that is not canonical: the fault is the guest's, after the instruction.
void check_last_instruction() {
    constexpr u64 kPage = 0x7fff'ffff'f000, kBehind = kPage + kPageSize;
    const Page code = allocate_page();
    code.bytes[kPageSize - 2] = 0x0f;
    code.bytes[kPageSize - 1] = 0x05;
    u64 entries[512]{};
    u64 below = pte(code.mfn, kPteKernelData);
    for (unsigned level = 1; level <= 3; ++level) {
        entries[511] = below;
        below = pte(make_table(entries, 512).mfn, kPteTable);
    }
    const u64 place = machine_address_of(reinterpret_cast<u64*>(start_info().pt_base) + 255);
    REQUIRE_EQ(update_entry(place, below), 0);
    const Fault fault = catch_fault([] {
        asm volatile("jmp *%0"
                     :
                     : "r"(kBehind - 2), "a"(HypercallId::XenVersion), "D"(VersionCommand::Version), "S"(0)
                     : "memory");
    });
    EXPECT_TRUE(fault.happened);
    EXPECT_EQ(fault.vector, kGeneralProtection);
    EXPECT_EQ(fault.error, 0);
    EXPECT_EQ(fault.rip, kBehind);
    REQUIRE_EQ(update_entry(place, 0), 0);
    EXPECT_EQ(mmuext(MmuextCommand::TlbFlushAll, 0), 0);
}

}  // namespace

void guest::test_main() {
    check_last_instruction();
    check_flags();
    check_bad_frames();
    check_nothing_is_carried_out();
    check_hypervisor_selectors();
    check_instruction();
    check_far_return();
    check_flags();
}
