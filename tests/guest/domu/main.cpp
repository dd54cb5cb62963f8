// Promised: a second domain built with the control hypercall starts as the ABI says, unprivileged, and ends cleanly.
// Exercised: create, populate, copy, hypercall page, pin, context, unpause, information, destroy; in the domain:
// memory, page tables, events, timer, a second vCPU. A pass means: the domain did all that a small kernel does, and
// nothing of it is left afterwards.
#include "tests/guest/lib/domu.hpp"
#include "tests/guest/lib/events.hpp"
#include "tests/guest/lib/guest.hpp"
#include "tests/guest/lib/traps.hpp"
#include "tests/guest/lib/vcpu.hpp"

using namespace guest;

namespace {

u64 mailbox;

void check_timer() {
    vcpu_op(VcpuCommand::StopPeriodicTimer, 0, nullptr);
    const u32 timer = static_cast<u32>(bind_virq(Virq::Timer));
    const u64 seen = upcall_count(timer);
    VcpuSetSingleshotTimer op{system_time() + 2'000'000, 0, 0};
    EXPECT_EQ(vcpu_op(VcpuCommand::SetSingleshotTimer, 0, &op), 0);
    wait_for_upcall(timer, seen);
}

}  // namespace

void guest::domu_main(u64 role) {
    EXPECT_EQ(role, 7);
    EXPECT_EQ(start_info().flags & (kSifPrivileged | kSifInitdomain), 0);
    EXPECT_EQ(xen_version(VersionCommand::Pagesize, nullptr), 4096);
    const Page table = make_table();
    EXPECT_EQ(mmuext(MmuextCommand::PinL1Table, table.mfn), 0);
    EXPECT_TRUE(make_writable(table) < 0);
    EXPECT_EQ(mmuext(MmuextCommand::UnpinTable, table.mfn), 0);
    const Fault fault = try_write(0x1000);
    EXPECT_TRUE(fault.happened && fault.vector == kPageFault && fault.cr2 == 0x1000);
    check_timer();
    EXPECT_EQ(vcpu_count(), 2);
    static volatile bool ran;
    EXPECT_EQ(start_vcpu(
                  1, [](void*) { ran = true; }, nullptr),
              0);
    wait_until_down(1);
    EXPECT_TRUE(ran);
    mailbox = mailbox + 1;
}

void guest::test_main() {
    if (!on_hv()) skip("needs the control hypercall");
    namespace control = hv::abi::control;
    const DomU domain = build_domu({.role = 7, .vcpus = 2});
    control::DomainInfo info = domu_info(domain);
    EXPECT_EQ(info.frames, domain.pages);
    EXPECT_EQ(info.max_vcpus, 2);
    EXPECT_TRUE(info.flags & control::kDomainPaused && !(info.flags & control::kDomainPrivileged));
    write_domu(domain, mailbox, u64{41});
    unpause_domu(domain);
    expect_end(domain, control::ShutdownReason::Poweroff);
    EXPECT_EQ(read_domu(domain, mailbox), 42);
    info = domu_info(domain);
    EXPECT_TRUE(info.flags & control::kDomainShutdown && info.cpu_time_ns > 0);
    EXPECT_EQ(destroy_domu(domain), 0);
    control::GetDomain gone{};
    gone.domain = domain.id;
    EXPECT_EQ(control_op(control::Operation::GetDomain, gone), -kESRCH);
}
