// Promised: the privileged instructions that a PV kernel executes do what the ABI says, and the others fault.
// Exercised: CPUID plain and with the emulation prefix, MSRs, RDFSBASE, CR0, CR2, CR3, CR4, CLTS, XSETBV, INVLPG,
// WBINVD, port I/O of Dom0, descriptor-table loads, HLT. A pass means: values are the virtual ones, forbidden writes
// are general protection faults, nothing hurts the host.
#include "hv/abi/xen/physdev.hpp"
#include "tests/guest/lib/events.hpp"
#include "tests/guest/lib/guest.hpp"
#include "tests/guest/lib/memory.hpp"
#include "tests/guest/lib/processor.hpp"
#include "tests/guest/lib/traps.hpp"

using namespace guest;

namespace {

using Leaf = CpuidLeaf;

Leaf cpuid(u32 leaf, u32 subleaf = 0) {
    Leaf out{leaf, 0, subleaf, 0};
    asm volatile("cpuid" : "+a"(out.a), "=b"(out.b), "+c"(out.c), "=d"(out.d));
    return out;
}

void check_cpuid() {
    Leaf leaf = forced_cpuid(0x4000'0000);
    EXPECT_TRUE(leaf.a >= 0x4000'0002 && leaf.a < 0x4000'0100);
    EXPECT_TRUE(leaf.b == 0x566e'6558 && leaf.c == 0x6558'4d4d && leaf.d == 0x4d4d'566e);  // "XenVMMXenVMM"
    leaf = forced_cpuid(0x4000'0001);
    EXPECT_TRUE(leaf.a >> 16 >= 4);
    const Leaf features = forced_cpuid(1);
    EXPECT_TRUE(features.d & 1 << 25 && features.d & 1 << 26);  // SSE, SSE2
    EXPECT_TRUE(!(features.c & 1 << 5));                        // no VMX
    EXPECT_TRUE(cpuid(0).a >= 1);
}

void check_msrs() {
    u64 value = 0;
    EXPECT_TRUE(!read_msr(0xc000'0080, value).happened);  // EFER: long mode is active
    EXPECT_TRUE(value & 1 << 10);
    EXPECT_TRUE(!write_msr(0xc000'0100, 0x1234'5000).happened);  // FS base
    EXPECT_TRUE(!read_msr(0xc000'0100, value).happened && value == 0x1234'5000);
    for (const u32 base : {0xc000'0100u, 0xc000'0101u, 0xc000'0102u})  // FS, GS, the other GS
        for (const u64 address : {0x0000'8000'0000'0000ull, 0x8000'0000'0000'0000ull})
            EXPECT_TRUE(write_msr(base, address).happened);
    EXPECT_TRUE(!write_msr(0xc000'0100, 0).happened);
    EXPECT_TRUE(!read_msr(0xc000'0100, value).happened && value == 0);
    EXPECT_TRUE(read_msr(0x1234'5678, value).happened);
    EXPECT_TRUE(write_msr(0x1234'5678, 1).happened);
    // A kernel that sees machine checks looks for banks, and one on AMD with an invariant
    // TSC for the rate at which it counts.
    EXPECT_EQ(forced_cpuid(1).d & (1u << 7 | 1u << 14), cpuid(1).d & (1u << 7 | 1u << 14));
    EXPECT_TRUE(forced_cpuid(1).d & 1 << 7 && forced_cpuid(1).d & 1 << 14);
    EXPECT_TRUE(!read_msr(0x179, value).happened);
    if (on_hv()) EXPECT_EQ(value & 0xff, 0);
    EXPECT_TRUE(!read_msr(0x17a, value).happened && value == 0);
    EXPECT_TRUE(!write_msr(0x17a, 0).happened);
    if (forced_cpuid(0).b == 0x6874'7541) {  // "Auth"enticAMD
        EXPECT_TRUE(!read_msr(0xc001'0015, value).happened);
        if (forced_cpuid(0x8000'0007).d & 1 << 8) EXPECT_TRUE(value & 1 << 24);
        EXPECT_TRUE(write_msr(0xc001'0015, value ^ 1).happened);
    }
    // The machine's entry points cannot be turned: refused or ignored, and hypercalls still work.
    write_msr(0xc000'0082, 0x1000);
    write_msr(0xc000'0081, 0);
    write_msr(0xc000'0080, 0);
    write_msr(0x176, 0x1000);
    EXPECT_TRUE(xen_version(VersionCommand::Version, nullptr) > 0);
}

// Any register may be asked for.
void check_all_msrs() {
    constexpr u32 kStarts[] = {0, 0x4000'0000, 0xc000'0000, 0xc001'0000};
    u64 value = 0;
    for (const u32 start : kStarts)
        for (u32 i = 0; i < 0x1000; ++i) {
            const Fault fault = read_msr(start + i, value);
            if (fault.happened) EXPECT_EQ(fault.vector, kGeneralProtection);
        }
}

// The instructions are there when the kernel says so in CR4, which CPUID allows or not.
void check_base_instructions() {
    constexpr u64 kFsgsbase = 1u << 16;
    const auto works = [] { return !catch_fault([] { asm volatile("rdfsbase %%rax" : : : "rax"); }).happened; };
    const auto set = [](u64 wanted) {
        u64 cr4 = 0;
        asm volatile("mov %%cr4, %0" : "=r"(cr4));
        catch_fault([=] { asm volatile("mov %0, %%cr4" : : "r"((cr4 & ~kFsgsbase) | wanted)); });
        asm volatile("mov %%cr4, %0" : "=r"(cr4));
        return (cr4 & kFsgsbase) != 0;
    };
    const bool offered = cpuid(0).a >= 7 && forced_cpuid(7).b & 1;
    EXPECT_TRUE(!set(0) && !works());
    EXPECT_EQ(set(kFsgsbase), offered);
    EXPECT_EQ(works(), offered);
    EXPECT_TRUE(!set(0) && !works());
}

template <class Action>
void expect_protection(Action action) {
    const Fault fault = catch_fault(action);
    EXPECT_TRUE(fault.happened && (fault.vector == kGeneralProtection || fault.vector == kInvalidOpcode));
}

void check_control_registers() {
    u64 cr0 = 0, cr3 = 0, cr4 = 0;
    EXPECT_TRUE(!catch_fault([&] { asm volatile("mov %%cr0, %0" : "=r"(cr0)); }).happened);
    EXPECT_TRUE(cr0 & 1 && cr0 >> 31 & 1);
    EXPECT_TRUE(!catch_fault([&] { asm volatile("mov %%cr3, %0" : "=r"(cr3)); }).happened);
    EXPECT_EQ(cr3_to_frame(cr3), top_table_mfn());
    EXPECT_TRUE(!catch_fault([&] { asm volatile("mov %%cr4, %0" : "=r"(cr4)); }).happened);
    EXPECT_TRUE(cr4 & 1 << 5);  // PAE
    EXPECT_TRUE(!catch_fault([=] { asm volatile("mov %0, %%cr4" : : "r"(cr4)); }).happened);
    EXPECT_TRUE(!catch_fault([=] { asm volatile("mov %0, %%cr0" : : "r"(cr0)); }).happened);
    catch_fault([] { asm volatile("mov %0, %%cr0" : : "r"(u64{0})); });  // paging off: no
    catch_fault([=] { asm volatile("mov %0, %%cr4" : : "r"(cr4 & ~(1ull << 5))); });
    expect_protection([] { asm volatile("mov %0, %%cr8" : : "r"(u64{15})); });
    expect_protection([] { asm volatile("mov %0, %%cr3" : : "r"(~0ull)); });
    EXPECT_TRUE(!try_read(start_info().pt_base).happened);
}

void check_task_switched() {
    EXPECT_EQ(hypercall(HypercallId::FpuTaskswitch, 1), 0);
    Fault fault = catch_fault([] { asm volatile("fnop"); });
    EXPECT_TRUE(fault.happened && fault.vector == kDeviceNotAvailable);
    EXPECT_EQ(hypercall(HypercallId::FpuTaskswitch, 0), 0);
    EXPECT_TRUE(!catch_fault([] { asm volatile("fnop"); }).happened);
    EXPECT_EQ(hypercall(HypercallId::FpuTaskswitch, 1), 0);
    EXPECT_TRUE(!catch_fault([] { asm volatile("clts"); }).happened);
    EXPECT_TRUE(!catch_fault([] { asm volatile("fnop"); }).happened);
}

void check_xsave_mask() {
    if (!(forced_cpuid(1).c & 1u << 26)) return;
    constexpr u64 kOsXsave = 1u << 18;
    u64 cr4 = 0;
    asm volatile("mov %%cr4, %0" : "=r"(cr4));
    asm volatile("mov %0, %%cr4" : : "r"(cr4 | kOsXsave));
    asm volatile("mov %%cr4, %0" : "=r"(cr4));
    EXPECT_TRUE(cr4 & kOsXsave);
    const auto set = [](u64 mask) {
        return catch_fault([=] {
            asm volatile("xsetbv" : : "c"(0), "a"(static_cast<u32>(mask)), "d"(static_cast<u32>(mask >> 32)));
        });
    };
    EXPECT_TRUE(!set(3).happened);
    u32 low = 0, high = 0;
    asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    EXPECT_TRUE(low == 3 && high == 0);
    EXPECT_TRUE(set(2).happened);  // x87 is not optional
    EXPECT_TRUE(set(1ull << 62 | 3).happened);
    EXPECT_TRUE(set(5).happened);  // AVX without SSE
}

void check_forbidden() {
    u8 area[16] = {};
    expect_protection([&] { asm volatile("lgdt (%0)" : : "r"(area) : "memory"); });
    expect_protection([&] { asm volatile("lidt (%0)" : : "r"(area) : "memory"); });
    expect_protection([] { asm volatile("ltr %0" : : "r"(u16{0xe040})); });
    expect_protection([] { asm volatile("lldt %0" : : "r"(u16{0xe040})); });
    catch_fault([] { asm volatile("wbinvd"); });
    catch_fault([] { asm volatile("invlpg (%0)" : : "r"(kVirtBase)); });
    catch_fault([] { asm volatile("vmcall"); });
    catch_fault([] { asm volatile("vmmcall"); });
    catch_fault([] { asm volatile("sysret"); });
    catch_fault([] { asm volatile("swapgs"); });
    catch_fault([] { asm volatile("lmsw %0" : : "r"(u16{0})); });
}

// Processors with UMIP keep these from ring 3; programs must not notice, nor learn where the hypervisor's tables are.
void check_table_queries() {
    struct [[gnu::packed]] {
        u16 limit;
        u64 base;
    } gdt{1, 1}, idt{1, 1};
    u64 status = 0, task = 1, local = 1;
    u16 in_memory = 0;
    EXPECT_TRUE(!catch_fault([&] {
                     asm volatile("sgdt %0\n sidt %1\n" : "=m"(gdt), "=m"(idt));
                     asm volatile("smsw %0" : "=r"(status));
                     asm volatile("smsw %0" : "=m"(in_memory));
                     asm volatile("str %0\n sldt %1\n" : "=r"(task), "=r"(local));
                 }).happened);
    EXPECT_TRUE(status & 1 && in_memory & 1);
    if (on_hv() && cpuid(7).c & 1u << 2) EXPECT_TRUE(gdt.base == 0 && idt.base == 0 && task == 0 && local == 0);
    const Fault fault = catch_fault([] { asm volatile("smsw (%0)" : : "r"(u64{0x1000}) : "memory"); });
    EXPECT_TRUE(fault.happened && fault.vector == kPageFault && fault.cr2 == 0x1000);
    catch_fault([] { asm volatile("sgdt (%0)" : : "r"(kHypervisorVirtStart) : "memory"); });
}

void check_ports() {
    u8 first = 0;
    PhysdevSetIopl iopl{1};  // 0, at the start, gives even Dom0's kernel no port
    EXPECT_TRUE(catch_fault([] { asm volatile("outb %0, $0x70" : : "a"(u8{0x0d})); }).happened);
    EXPECT_EQ(hypercall(HypercallId::PhysdevOp, PhysdevCommand::SetIopl, &iopl), 0);
    EXPECT_TRUE(!catch_fault([&] {
                     asm volatile("outb %0, $0x70" : : "a"(u8{0x0d}));
                     asm volatile("inb $0x71, %0" : "=a"(first));
                 }).happened);
    EXPECT_TRUE(first & 0x80);  // the clock's battery is good
    u32 status = 0;
    EXPECT_TRUE(!catch_fault([&] {
                     asm volatile("outl %0, %1" : : "a"(0x8000'0000u), "Nd"(u16{0xcf8}));
                     asm volatile("inl %1, %0" : "=a"(status) : "Nd"(u16{0xcfc}));
                 }).happened);
    EXPECT_TRUE(status != 0 && status != 0xffff'ffff);  // the host bridge
    // The hypervisor's own UART is not Dom0's.
    u8 line = 0;
    catch_fault([&] { asm volatile("inb %1, %0" : "=a"(line) : "Nd"(u16{0x3fd})); });
    catch_fault([] { asm volatile("outb %0, %1" : : "a"(u8{0}), "Nd"(u16{0x3f9})); });
}

}  // namespace

void guest::test_main() {
    check_cpuid();
    check_msrs();
    check_all_msrs();
    check_base_instructions();
    check_control_registers();
    check_task_switched();
    check_xsave_mask();
    check_forbidden();
    check_table_queries();
    check_ports();
}
