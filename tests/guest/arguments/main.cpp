// Promised: a bad pointer in any hypercall is -EFAULT (or a refusal that came before the pointer was needed), an
// unknown number is -ENOSYS, and neither does any harm. Exercised: every operation that takes an address, with
// addresses that are null, unmapped, not canonical, in the hypervisor, at the end of a page before a hole; numbers that
// are not defined, also outside the hypercall page. A pass means: none of it succeeded where an address was needed, and
// the kernel still runs.
#include "hv/abi/xen/physdev.hpp"
#include "tests/guest/lib/guest.hpp"
#include "tests/guest/lib/memory.hpp"
#include "tests/guest/lib/traps.hpp"
#include "tests/guest/lib/vcpu.hpp"

using namespace guest;

namespace {

u64 page_end;  // the last byte before a page that is not there

// Where `first` operation numbers up to `last` go into argument 0 and the address into `pointer`.
void sweep(HypercallId id, u64 first, u64 last, unsigned pointer, u64 other = 1) {
    for (u64 operation = first; operation <= last; ++operation) {
        for (const u64 address :
             {u64{1}, u64{0x1000}, u64{0x0000'8000'0000'0000}, u64{0xfff7'ffff'ffff'fffe}, kHypervisorVirtStart,
              kHypervisorVirtEnd - 8, kHypervisorVirtStart + 0x300'0000'0000, page_end, ~u64{0}, ~u64{4095}}) {
            u64 arguments[4] = {operation, other, other, 0};
            arguments[pointer] = address;
            const long result = hypercall(id, arguments[0], arguments[1], arguments[2], arguments[3]);
            if (result >= 0)
                note_failure(Text{}.add("hypercall ", id, " operation ", operation, " address ", Hex{address},
                                        " gives ", result));
        }
    }
}

void check_faults() {
    u8* const hole = reinterpret_cast<u8*>(page_end);
    EXPECT_EQ(hypercall(HypercallId::SetTrapTable, hole), -kEFAULT);
    EXPECT_EQ(memory_op(MemoryCommand::CurrentReservation, reinterpret_cast<u8*>(0x1000)), -kEFAULT);
    EXPECT_EQ(event_op(EventChannelCommand::AllocUnbound, hole), -kEFAULT);
    EXPECT_EQ(event_op(EventChannelCommand::Send, reinterpret_cast<u8*>(kHypervisorVirtStart + 0x300'0000'0000)),
              -kEFAULT);
    EXPECT_EQ(grant_op(GrantCommand::MapGrantRef, hole), -kEFAULT);
    EXPECT_EQ(grant_op(GrantCommand::QuerySize, hole), -kEFAULT);
    EXPECT_EQ(vcpu_op(VcpuCommand::SetSingleshotTimer, 0, hole), -kEFAULT);
    if (vcpu_count() > 1) EXPECT_EQ(vcpu_op(VcpuCommand::Initialise, 1, hole), -kEFAULT);
    EXPECT_EQ(sched_op(SchedCommand::Shutdown, reinterpret_cast<u8*>(0x1000)), -kEFAULT);
    EXPECT_EQ(sched_op(SchedCommand::Poll, hole), -kEFAULT);
    EXPECT_EQ(xen_version(VersionCommand::GetFeatures, hole), -kEFAULT);
    EXPECT_EQ(xen_version(VersionCommand::Extraversion, reinterpret_cast<u8*>(kMachineToPhysStart)), -kEFAULT);
    EXPECT_EQ(hypercall(HypercallId::CallbackOp, CallbackCommand::Register, hole), -kEFAULT);
    EXPECT_EQ(hypercall(HypercallId::ConsoleIo, ConsoleCommand::Write, 16, hole), -kEFAULT);
    EXPECT_EQ(hypercall(HypercallId::PhysdevOp, PhysdevCommand::Eoi, hole), -kEFAULT);
    EXPECT_EQ(hypercall(HypercallId::PlatformOp, hole), -kEFAULT);
    // The result may not be written over a read-only page either.
    FeatureInfo* const read_only = reinterpret_cast<FeatureInfo*>(start_info().pt_base);
    EXPECT_EQ(xen_version(VersionCommand::GetFeatures, read_only), -kEFAULT);
}

void check_sweeps() {
    sweep(HypercallId::SetTrapTable, 0, 0, 0);
    sweep(HypercallId::SetGdt, 1, 1, 0);
    sweep(HypercallId::MmuUpdate, 0, 0, 0);
    sweep(HypercallId::MmuextOp, 0, 0, 0);
    sweep(HypercallId::Multicall, 0, 0, 0);
    sweep(HypercallId::MemoryOp, 3, 5, 1);
    sweep(HypercallId::MemoryOp, 7, 12, 1);
    sweep(HypercallId::MemoryOp, 14, 15, 1);
    sweep(HypercallId::EventChannelOp, 0, 13, 1);
    sweep(HypercallId::SchedOp, 2, 6, 1);
    sweep(HypercallId::PhysdevOp, 5, 31, 1);
    sweep(HypercallId::CallbackOp, 0, 1, 1);
    sweep(HypercallId::PlatformOp, 0, 0, 0);
    sweep(HypercallId::Arch0, 0, 0, 0);
    sweep(HypercallId::XenVersion, 1, 6, 1);
    for (u64 operation = 0; operation <= 12; ++operation) sweep(HypercallId::GrantTableOp, operation, operation, 1);
    for (const u64 operation : {0u, 4u, 6u, 8u, 10u}) sweep(HypercallId::VcpuOp, operation, operation, 2, 0);
}

long direct_syscall(u64 number) {
    u64 result = number;
    asm volatile("syscall" : "+a"(result) : "D"(0), "S"(0), "d"(0) : "rcx", "r11", "r8", "r9", "r10", "memory");
    return static_cast<long>(result);
}

void check_unknown() {
    for (u64 number = 43; number < 48; ++number) EXPECT_EQ(raw_hypercall(number), -kENOSYS);
    for (u64 number = 56; number < 64; ++number) EXPECT_EQ(raw_hypercall(number), -kENOSYS);
    for (const u64 number :
         {u64{11}, u64{64}, u64{127}, u64{128}, u64{1000}, u64{0x7fff'ffff}, u64{0x8000'0000}, u64{0xffff'ffff}})
        EXPECT_EQ(direct_syscall(number), -kENOSYS);
    EXPECT_EQ(direct_syscall(0x1'0000'0000 | 61), -kENOSYS);
    u64 argument = 0;
    EXPECT_EQ(event_op(static_cast<EventChannelCommand>(99), &argument), -kENOSYS);
    EXPECT_EQ(sched_op(static_cast<SchedCommand>(99), &argument), -kENOSYS);
    EXPECT_EQ(vcpu_op(static_cast<VcpuCommand>(99), 0, &argument), -kENOSYS);
    EXPECT_EQ(vcpu_op(VcpuCommand::IsUp, 9999, nullptr), -kENOENT);
    EXPECT_TRUE(grant_op(static_cast<GrantCommand>(99), &argument) < 0);
    EXPECT_TRUE(xen_version(static_cast<VersionCommand>(99), &argument) < 0);
    EXPECT_TRUE(hypercall(HypercallId::CallbackOp, 99, &argument) < 0);
    EXPECT_TRUE(hypercall(HypercallId::PhysdevOp, 99, &argument) < 0);
    EXPECT_TRUE(hypercall(HypercallId::VmAssist, 99, 0) < 0);
    EXPECT_TRUE(hypercall(HypercallId::VmAssist, 0, 99) < 0);
    EXPECT_TRUE(hypercall(HypercallId::SetSegmentBase, 99, 0) < 0);
    EXPECT_TRUE(hypercall(HypercallId::SetSegmentBase, 0, 0x0000'8000'0000'0000) < 0);
    EXPECT_TRUE(hypercall(HypercallId::ConsoleIo, 99, 1, &argument) < 0);
}

}  // namespace

void guest::test_main() {
    const Page page = allocate_page(), hole = allocate_page();
    page_end = page.address() + kPageSize - 1;
    REQUIRE_EQ(update_mapping(hole.bytes, 0), 0);
    check_faults();
    check_sweeps();
    check_unknown();
}
