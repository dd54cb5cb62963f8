// Promised: an unprivileged domain reaches nothing but itself.
// Exercised, in such a domain: I/O ports, machine registers, frames of Dom0, of hv, of devices and of no owner,
// operations on other domains, privileged hypercalls, more memory than it may have. A pass means: each try was refused
// or faulted in the domain, and the domain then ended cleanly.
#include "hv/abi/control/domain.hpp"
#include "hv/abi/control/host.hpp"
#include "hv/abi/xen/physdev.hpp"
#include "hv/abi/xen/platform.hpp"
#include "tests/guest/lib/domu.hpp"
#include "tests/guest/lib/events.hpp"
#include "tests/guest/lib/guest.hpp"
#include "tests/guest/lib/traps.hpp"

using namespace guest;

namespace {

u64 dom0_frame, dom0_table, hv_frame;  // written by Dom0 before the start
Page slot;

void refuse_mapping(u64 mfn, u32 owner) {
    for (const u64 flags : {kPteKernelData, kPteReadOnly}) {
        EXPECT_TRUE(update_entry(entry_machine_address(slot.address(), 1), pte(mfn, flags), MmuCommand::NormalPtUpdate,
                                 owner) < 0);
        EXPECT_TRUE(hypercall(HypercallId::UpdateVaMappingOtherdomain, slot.address(), pte(mfn, flags), kUvmfInvlpg,
                              owner) < 0);
    }
    EXPECT_EQ(pte_frame(*entry_for(slot.address(), 1)), slot.mfn);
}

void check_frames() {
    for (const u32 owner : {u32{kDomidSelf}, u32{0}, u32{kDomidIo}, u32{kDomidXen}, u32{kDomidInvalid}, u32{1234}}) {
        refuse_mapping(dom0_frame, owner);
        refuse_mapping(dom0_table, owner);
        refuse_mapping(0, owner);
        refuse_mapping(0x80, owner);     // low memory, Dom0's like a device
        refuse_mapping(0xb8, owner);     // video memory
        refuse_mapping(0xfee00, owner);  // the local APIC
        refuse_mapping(0xfec00, owner);  // the I/O APIC
        refuse_mapping(kPteFrameMask >> 12, owner);
    }
    refuse_mapping(hv_frame, kDomidSelf);
    refuse_mapping(hv_frame, kDomidIo);
    EXPECT_TRUE(update_mapping(slot.bytes, pte(hv_frame, kPteKernelData)) < 0);
    EXPECT_TRUE(update_entry(dom0_table * kPageSize + 8, 0) < 0);
    EXPECT_TRUE(update_entry(dom0_table * kPageSize + 8, 0, MmuCommand::NormalPtUpdate, kDomidSelf | 1u << 16) < 0);
    EXPECT_TRUE(update_entry(dom0_frame * kPageSize, 1, MmuCommand::MachphysUpdate) < 0);
    for (const MmuextCommand pin :
         {MmuextCommand::PinL1Table, MmuextCommand::PinL4Table, MmuextCommand::NewBaseptr,
          MmuextCommand::NewUserBaseptr, MmuextCommand::ClearPage, MmuextCommand::UnpinTable}) {
        EXPECT_TRUE(mmuext(pin, dom0_frame) < 0);
        EXPECT_TRUE(mmuext(pin, dom0_table) < 0);
        EXPECT_TRUE(mmuext(pin, dom0_frame, 0, 0) < 0);
    }
    EXPECT_TRUE(mmuext(MmuextCommand::CopyPage, slot.mfn, dom0_frame) < 0);
    u64 frame = dom0_frame;
    EXPECT_TRUE(hypercall(HypercallId::SetGdt, &frame, 512) < 0);
    EXPECT_TRUE(hypercall(HypercallId::UpdateDescriptor, dom0_frame * kPageSize, 0) < 0);
    VcpuRegisterVcpuInfo info{dom0_frame, 0, 0};
    EXPECT_TRUE(vcpu_op(VcpuCommand::RegisterVcpuInfo, 0, &info) < 0);
    EventChannelInitControl control{dom0_frame, 0, 0, 0, {}};
    EXPECT_TRUE(event_op(EventChannelCommand::InitControl, &control) < 0);
    GnttabCopy copy{};
    copy.source = {{.gmfn = dom0_frame}, kDomidSelf, 0, 0};
    copy.dest = {{.gmfn = slot.mfn}, kDomidSelf, 0, 0};
    copy.len = 16;
    EXPECT_EQ(grant_op(GrantCommand::Copy, &copy), 0);
    EXPECT_TRUE(copy.status < 0);
    copy.source.domid = 0;
    EXPECT_EQ(grant_op(GrantCommand::Copy, &copy), 0);
    EXPECT_TRUE(copy.status < 0);
}

Fault read_port(u16 port, u8* byte = nullptr) {
    return catch_fault([=] {
        u8 got;
        asm volatile("inb %1, %0" : "=a"(got) : "Nd"(port));
        if (byte) *byte = got;
    });
}

void check_instructions() {
    constexpr u16 kPorts[] = {0x71, 0x1f0, 0x3f8, 0x64, 0x20};
    for (const u16 port : kPorts) EXPECT_TRUE(read_port(port).happened);
    PhysdevSetIopl iopl{3};
    hypercall(HypercallId::PhysdevOp, PhysdevCommand::SetIopl, &iopl);
    // With the privilege level, but without any port: a fault still, or nothing there. (hv's is the latter: kernels
    // raise the level and then probe ports before they can take a fault.)
    for (const u16 port : kPorts) {
        u8 byte = 0;
        const bool fault = read_port(port, &byte).happened;
        EXPECT_TRUE(byte == 0xff || (fault && byte == 0));
        if (on_hv()) EXPECT_TRUE(!fault);
        catch_fault([=] { asm volatile("outb %0, %1" : : "a"(u8{0}), "Nd"(port)); });
    }
    // Refused or ignored; were one of them obeyed, the machine would not get far.
    for (const u32 msr : {0x1bu, 0x277u, 0x200u, 0x38du, 0xc001'0015u, 0xc000'0080u, 0xc000'0082u})
        catch_fault([=] { asm volatile("wrmsr" : : "c"(msr), "a"(0), "d"(0)); });
}

// Of these, any domain may ask: they are about the domain itself.
bool is_for_everybody(PhysdevCommand command) {
    return command == PhysdevCommand::IrqStatusQuery || command == PhysdevCommand::SetIopl ||
           command == PhysdevCommand::SetIobitmap || command == PhysdevCommand::Eoi ||
           command == PhysdevCommand::PirqEoiGmfnV1 || command == PhysdevCommand::PirqEoiGmfnV2;
}

void check_calls() {
    namespace control = hv::abi::control;
    control::GetHostInfo host{};
    EXPECT_EQ(control_op(control::Operation::GetHostInfo, host), -kEPERM);
    control::CreateDomain create{};
    create.domain = control::kDomainAny;
    create.max_frames = 100;
    create.max_vcpus = 1;
    EXPECT_EQ(control_op(control::Operation::CreateDomain, create), -kEPERM);
    control::DomainOnly dom0{0, {}};
    for (const auto operation :
         {control::Operation::DestroyDomain, control::Operation::PauseDomain, control::Operation::UnpauseDomain})
        EXPECT_EQ(control_op(operation, dom0), -kEPERM);
    PlatformOp platform{};
    platform.command = static_cast<u32>(PlatformCommand::Settime64);
    platform.interface_version = kPlatformInterfaceVersion;
    EXPECT_EQ(hypercall(HypercallId::PlatformOp, &platform), -kEPERM);
    EXPECT_EQ(hypercall(HypercallId::Arch0, &platform), -kEPERM);
    for (u32 command = static_cast<u32>(PhysdevCommand::IrqStatusQuery);
         command <= static_cast<u32>(PhysdevCommand::ReleaseMsix); ++command) {
        u64 argument[8] = {};
        if (is_for_everybody(static_cast<PhysdevCommand>(command))) continue;
        EXPECT_TRUE(hypercall(HypercallId::PhysdevOp, command, argument) < 0);
    }
    SchedRemoteShutdown shutdown{0, 0, 0};
    EXPECT_TRUE(sched_op(SchedCommand::RemoteShutdown, &shutdown) < 0);
    EventChannelAllocUnbound unbound{0, 0, 0};
    EXPECT_TRUE(event_op(EventChannelCommand::AllocUnbound, &unbound) < 0);
    EventChannelReset reset{0};
    EXPECT_TRUE(event_op(EventChannelCommand::Reset, &reset) < 0);
    EventChannelStatus status{};
    status.port = 1;
    EXPECT_TRUE(event_op(EventChannelCommand::Status, &status) < 0);  // domain 0's
    EventChannelBindPirq pirq{1, 0, 0};
    EXPECT_TRUE(event_op(EventChannelCommand::BindPirq, &pirq) < 0);
    EXPECT_TRUE(bind_virq(Virq::DomainException) < 0);
    EXPECT_TRUE(bind_virq(Virq::Console) < 0);
    EXPECT_TRUE(bind_interdomain(0, 1) < 0);
    char byte = 0;
    EXPECT_TRUE(hypercall(HypercallId::ConsoleIo, ConsoleCommand::Read, 1, &byte) <= 0);
}

// All that it may ever have, from the start on.
void check_map() {
    E820Entry entries[4]{};
    MemoryMap map{4, 0, reinterpret_cast<u64>(entries)};
    EXPECT_EQ(memory_op(MemoryCommand::MemoryMap, &map), 0);
    EXPECT_EQ(map.nr_entries, 1);
    MemoryDomain self{kDomidSelf};
    EXPECT_TRUE(entries[0].addr == 0 && entries[0].type == static_cast<u32>(E820Type::Ram));
    EXPECT_EQ(entries[0].size, static_cast<u64>(memory_op(MemoryCommand::MaximumReservation, &self)) * kPageSize);
    map = {0, 0, kHypervisorVirtStart};
    EXPECT_EQ(memory_op(MemoryCommand::MemoryMap, &map), 0);
    EXPECT_EQ(map.nr_entries, 0);
    map.nr_entries = 1;
    EXPECT_TRUE(memory_op(MemoryCommand::MemoryMap, &map) < 0);
}

void check_memory() {
    check_map();
    MemoryDomain dom0{0};
    EXPECT_TRUE(memory_op(MemoryCommand::CurrentReservation, &dom0) < 0);
    u64 extent = dom0_frame;
    MemoryReservation reservation{reinterpret_cast<u64>(&extent), 1, 0, 0, 0, {}};
    EXPECT_TRUE(memory_op(MemoryCommand::DecreaseReservation, &reservation) <= 0);
    EXPECT_TRUE(memory_op(MemoryCommand::PopulatePhysmap, &reservation) <= 0);
    EXPECT_TRUE(memory_op(MemoryCommand::ClaimPages, &reservation) < 0);
    reservation.domid = kDomidSelf;
    EXPECT_EQ(memory_op(MemoryCommand::DecreaseReservation, &reservation), 0);  // not ours
    u64 got = 0;
    for (; got < 1000; ++got) {
        extent = 5000 + got;
        if (memory_op(MemoryCommand::PopulatePhysmap, &reservation) != 1) break;
    }
    EXPECT_EQ(got, 64);  // what build_domu() left to grow
    extent = 6000;
    reservation.mem_flags = kMemfVnode;
    EXPECT_EQ(memory_op(MemoryCommand::DecreaseReservation, &reservation), 0);
    E820Entry entries[4];
    MemoryMap map{4, 0, reinterpret_cast<u64>(entries)};
    EXPECT_TRUE(memory_op(MemoryCommand::MachineMemoryMap, &map) < 0);
    check_map();
}

}  // namespace

void guest::domu_main(u64) {
    slot = allocate_page();
    check_frames();
    check_instructions();
    check_calls();
    check_memory();
}

void guest::test_main() {
    if (!on_hv()) skip("needs the control hypercall");
    const DomU domain = build_domu();
    const Page mine = allocate_page();
    mine.words()[0] = 0x1234;
    u64 table[1] = {};
    MachphysMfnList list{1, 0, reinterpret_cast<u64>(table), 0, 0};
    REQUIRE_EQ(memory_op(MemoryCommand::MachphysMfnList, &list), 0);
    write_domu(domain, dom0_frame, mine.mfn);
    write_domu(domain, dom0_table, top_table_mfn());
    write_domu(domain, hv_frame, table[0]);
    unpause_domu(domain);
    expect_end(domain, hv::abi::control::ShutdownReason::Poweroff);
    EXPECT_EQ(mine.words()[0], 0x1234);
    EXPECT_EQ(destroy_domu(domain), 0);
}
