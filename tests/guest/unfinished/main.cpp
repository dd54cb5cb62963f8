// Promised: however much there is to undo in page tables, a vCPU takes its interrupts meanwhile, whatever it does
// next. Exercised: a large tree given up with MOV CR3; the same with another tree's undoing unfinished, from an NMI
// handler between two parts of a preempted multicall; set_gdt, update_descriptor and a grant's mapping of a table that
// is half undone there. A pass means: an event arrived before each of these was done, or it was refused without doing
// the work; everything was given back in the end.
#include "hv/abi/xen/nmi.hpp"
#include "tests/guest/lib/events.hpp"
#include "tests/guest/lib/guest.hpp"
#include "tests/guest/lib/memory.hpp"
#include "tests/guest/lib/traps.hpp"
#include "tests/guest/lib/vcpu.hpp"

using namespace guest;

namespace {

constexpr unsigned kLarge = 3000;  // L1 tables of a tree: hundreds of times what hv does at once
constexpr unsigned kSmall = 300;
constexpr u64 kPeriod = 2'000'000;  // ns

u32 timer;
u64 next_pfn;
Page page_of_maps;  // what every L1 table holds

// A frame that nothing maps.
u64 raw_frame() {
    return pfn_to_mfn(next_pfn--);
}

Page top_of_tree;  // the last one's L3 table

// An L3 table with L2 tables with L1 tables.
u64 make_tree(unsigned l1s) {
    const Page l3 = top_of_tree = allocate_page();
    unsigned made = 0;
    for (unsigned i = 0; made < l1s; ++i) {
        const Page l2 = allocate_page();
        for (unsigned j = 0; j < 512 && made < l1s; ++j, ++made) {
            const u64 l1 = raw_frame();
            REQUIRE_EQ(mmuext(MmuextCommand::CopyPage, l1, page_of_maps.mfn), 0);
            l2.words()[j] = pte(l1, kPteTable);
        }
        REQUIRE_EQ(make_read_only(l2), 0);
        l3.words()[i] = pte(l2.mfn, kPteTable);
    }
    REQUIRE_EQ(make_read_only(l3), 0);
    return l3.mfn;
}

// Runs on a table of its own, which alone holds the tree.
void run_on(u64 tree) {
    const Page l4 = allocate_page();
    const u64* top = reinterpret_cast<u64*>(start_info().pt_base);
    for (unsigned i = 0; i < 512; ++i) l4.words()[i] = i >= 256 && i < 272 ? 0 : top[i];
    l4.words()[3] = pte(tree, kPteTable);
    REQUIRE_EQ(make_read_only(l4), 0);
    REQUIRE_EQ(mmuext(MmuextCommand::NewBaseptr, l4.mfn), 0);
}

u64 boot_cr3;

void load_boot_table() {
    asm volatile("mov %0, %%cr3" : : "r"(boot_cr3) : "memory");
}

volatile u64 interrupted;

// Counts the events that found the vCPU about to execute SYSCALL or MOV CR again: hv
// stopped in the middle to let them in.
bool handle_event(TrapFrame& frame) {
    const auto* code = reinterpret_cast<const u8*>(frame.rip);
    if (code[0] == 0x0f && (code[1] == 0x05 || code[1] == 0x22)) interrupted = interrupted + 1;
    handle_upcall();
    return true;
}

// How many timer events arrived while `step` was only half done.
template <class Step>
u64 events_during(Step step) {
    interrupted = 0;
    VcpuSetPeriodicTimer op{kPeriod};
    REQUIRE_EQ(vcpu_op(VcpuCommand::SetPeriodicTimer, 0, &op), 0);
    enable_events();
    step();
    disable_events();
    vcpu_op(VcpuCommand::StopPeriodicTimer, 0, nullptr);
    return interrupted;
}

void (*between)();  // what the NMI handler does
volatile bool armed;

bool handle_nmi(TrapFrame&) {
    if (armed) {
        armed = false;
        between();
    }
    return true;
}

MmuextOp unpin;
MulticallEntry calls[2];

// Calls `step` when the unpinning of `tree` is half done.
void in_the_middle_of(u64 tree, void (*step)()) {
    unpin = {static_cast<u32>(MmuextCommand::UnpinTable), 0, {tree}, {}};
    calls[0] = {};
    calls[0].op = static_cast<u64>(HypercallId::VcpuOp);
    calls[0].args[0] = static_cast<u64>(VcpuCommand::SendNmi);
    calls[1] = {};
    calls[1].op = static_cast<u64>(HypercallId::MmuextOp);
    calls[1].args[0] = reinterpret_cast<u64>(&unpin);
    calls[1].args[1] = 1;
    calls[1].args[3] = kDomidSelf;
    between = step;
    armed = true;
    REQUIRE_EQ(hypercall(HypercallId::Multicall, calls, 2), 0);
    EXPECT_TRUE(!armed);
    EXPECT_EQ(calls[1].result, 0);
}

void start_over() {
    next_pfn = start_info().nr_pages - 1;
}

// All that the trees were made of is plain memory again.
void expect_plain(u64 first_pfn) {
    for (u64 pfn = first_pfn; pfn < start_info().nr_pages; ++pfn)
        if (mmuext(MmuextCommand::ClearPage, pfn_to_mfn(pfn)) != 0) {
            note_failure(Text{}.add("page ", pfn, " is still in use"));
            return;
        }
}

void check_table_change() {
    start_over();
    run_on(make_tree(kLarge));
    // What MOV CR3 left is finished by the next call that has to do with page tables.
    EXPECT_TRUE(events_during([] {
                    load_boot_table();
                    EXPECT_EQ(mmuext(MmuextCommand::TlbFlushLocal, 0), 0);
                }) > 0);
    expect_plain(next_pfn + 1);
}

u64 events;

void check_table_change_in_the_middle() {
    start_over();
    const u64 doomed = make_tree(kLarge), other = make_tree(kSmall);
    REQUIRE_EQ(mmuext(MmuextCommand::PinL3Table, other), 0);
    run_on(doomed);
    events = 0;
    in_the_middle_of(other, [] { events = events_during(load_boot_table); });
    EXPECT_TRUE(events > 0);
    expect_plain(next_pfn + 1);
}

u64 half_undone;
long answer;

void check_gdt_in_the_middle() {
    start_over();
    half_undone = make_tree(kLarge);
    REQUIRE_EQ(mmuext(MmuextCommand::PinL3Table, half_undone), 0);
    events = 0;
    in_the_middle_of(half_undone, [] {
        events = events_during([] { answer = hypercall(HypercallId::SetGdt, &half_undone, 1); });
        hypercall(HypercallId::SetGdt, &half_undone, 0);
    });
    EXPECT_TRUE(events > 0 || answer != 0);
    expect_plain(next_pfn + 1);
}

void check_descriptor_in_the_middle() {
    start_over();
    half_undone = make_tree(kLarge);
    REQUIRE_EQ(mmuext(MmuextCommand::PinL3Table, half_undone), 0);
    events = 0;
    in_the_middle_of(half_undone, [] {
        events =
            events_during([] { answer = hypercall(HypercallId::UpdateDescriptor, (half_undone << 12) + 8 * 511, 0); });
    });
    EXPECT_TRUE(events > 0 || answer != 0);
    expect_plain(next_pfn + 1);
}

// vcpu_info may be anywhere: here it would be in a table that is half undone.
void check_vcpu_info_in_the_middle() {
    start_over();
    half_undone = make_tree(kLarge);
    REQUIRE_EQ(mmuext(MmuextCommand::PinL3Table, half_undone), 0);
    in_the_middle_of(half_undone, [] {
        VcpuRegisterVcpuInfo place{half_undone, 0, 0};
        answer = vcpu_op(VcpuCommand::RegisterVcpuInfo, 0, &place);
    });
    EXPECT_TRUE(answer < 0);
    expect_plain(next_pfn + 1);
}

// The LDT would be in a table that is half undone, and its first use is the IRET of the hypercall. That cannot be
// preempted, so the parked work is left as it is.
void check_ldt_in_the_middle() {
    start_over();
    half_undone = make_tree(kLarge);
    REQUIRE_EQ(mmuext(MmuextCommand::PinL3Table, half_undone), 0);
    REQUIRE_EQ(mmuext(MmuextCommand::SetLdt, top_of_tree.address(), 512), 0);
    static Fault fault;
    in_the_middle_of(half_undone, [] {
        fault = catch_fault([] {
            asm volatile(
                "mov %%rsp, %%rdx\n sub $1024, %%rdx\n"
                "push %[ss]\n push %%rdx\n push $0x202\n push $0x14\n push $0x1000\n push $0\n"
                "lea hypercall_page + 23 * 32(%%rip), %%rax\n jmp *%%rax"
                :
                : [ss] "r"(u64{kFlatKernelSs})
                : "rax", "rdx", "memory");
        });
    });
    EXPECT_TRUE(fault.happened);
    EXPECT_EQ(fault.vector, kPageFault);  // not #GP, as for what was a table until just now
    REQUIRE_EQ(mmuext(MmuextCommand::SetLdt, 0, 0), 0);
    expect_plain(next_pfn + 1);
}

}  // namespace

void guest::test_main() {
    timer = static_cast<u32>(bind_virq(Virq::Timer));
    page_of_maps = allocate_page();
    const Page mapped = allocate_page();
    for (unsigned i = 0; i < 512; ++i) page_of_maps.words()[i] = pte(mapped.mfn, kPteKernelData);
    boot_cr3 = top_table_mfn() << 12;
    set_trap_hook(kNmi, handle_nmi);
    set_trap_hook(kEventVector, handle_event);
    NmiCallback callback{};
    for (const TrapInfo* trap = trap_table(); trap->address != 0; ++trap)
        if (trap->vector == kNmi) callback.handler_address = trap->address;
    REQUIRE_EQ(hypercall(HypercallId::NmiOp, static_cast<u64>(NmiCommand::RegisterCallback), &callback), 0);
    check_table_change();
    check_table_change_in_the_middle();
    check_gdt_in_the_middle();
    check_descriptor_in_the_middle();
    check_vcpu_info_in_the_middle();
    check_ldt_in_the_middle();
}
