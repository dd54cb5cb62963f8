// Promised: Dom0 learns which CPUs there are and that no machine check waits, so that its logger starts.
// Exercised: the count of CPUs, the list with too little room, the fetch of an error, wrong versions and commands,
// addresses that are not the guest's. A pass means: the answers fit each other and nothing is written past the room
// that was given.
#include "hv/abi/xen/machine_check.hpp"

#include "tests/guest/lib/guest.hpp"
#include "tests/guest/lib/memory.hpp"

using namespace guest;
using namespace hv::abi::xen;

namespace {

long machine_check(MachineCheckCommand command, MachineCheckOp& op) {
    op.command = static_cast<u32>(command);
    op.interface_version = kMachineCheckInterfaceVersion;
    return hypercall(HypercallId::Arch0, &op);
}

MachineCheckOp wanting(u32 count, u64 info) {
    MachineCheckOp op{};
    op.u.cpus = {count, 0, info};
    return op;
}

}  // namespace

void guest::test_main() {
    const Page page = allocate_page();
    auto* cpus = reinterpret_cast<MachineCheckCpu*>(page.bytes);
    cpus[1].cpu = 77;

    MachineCheckOp op = wanting(0, 0);
    REQUIRE_EQ(machine_check(MachineCheckCommand::PhysicalCpuInfo, op), 0);
    EXPECT_TRUE(op.u.cpus.count >= 1);

    op = wanting(1, page.address());
    EXPECT_EQ(machine_check(MachineCheckCommand::PhysicalCpuInfo, op), 0);
    EXPECT_EQ(op.u.cpus.count, 1);
    EXPECT_EQ(cpus[0].cpu, 0);
    EXPECT_TRUE(cpus[0].family != 0 && cpus[0].vendor_text[0] != '\0');
    EXPECT_EQ(cpus[1].cpu, 77);

    op = {};
    EXPECT_EQ(machine_check(MachineCheckCommand::Fetch, op), 0);
    EXPECT_EQ(op.u.fetch.flags, kMachineCheckNoData);

    op = wanting(1, kHypervisorVirtStart);
    EXPECT_EQ(machine_check(MachineCheckCommand::PhysicalCpuInfo, op), -kEFAULT);
    op = {};
    EXPECT_TRUE(machine_check(static_cast<MachineCheckCommand>(99), op) < 0);
    op.interface_version = 1;
    EXPECT_TRUE(hypercall(HypercallId::Arch0, &op) < 0);
    EXPECT_EQ(hypercall(HypercallId::Arch0, u64{kHypervisorVirtStart}), -kEFAULT);
}
