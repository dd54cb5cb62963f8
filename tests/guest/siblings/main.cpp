// Promised: with smt=off on the command line, one thread of each core is used, and the first guest has as many virtual
// CPUs as that makes. Exercised: a machine of two cores with two threads each; what platform_op says of its CPUs, and
// the vCPUs that Dom0 has. A pass means: the first thread of each core is online, and nothing ran on the others.
#include "hv/abi/xen/platform.hpp"
#include "tests/guest/lib/guest.hpp"

using namespace guest;

namespace {

constexpr u32 kThreads = 4, kCores = 2;

PlatformPcpuInfo cpu_info(u32 cpu) {
    PlatformOp op{};
    op.command = static_cast<u32>(PlatformCommand::GetCpuInfo);
    op.interface_version = kPlatformInterfaceVersion;
    op.u.pcpu_info.xen_cpuid = cpu;
    REQUIRE_EQ(hypercall(HypercallId::PlatformOp, &op), 0);
    return op.u.pcpu_info;
}

}  // namespace

void guest::test_main() {
    REQUIRE_EQ(cpu_info(0).max_present, kThreads - 1);
    u32 online = 0;
    for (u32 cpu = 0; cpu < kThreads; ++cpu) {
        const PlatformPcpuInfo info = cpu_info(cpu);
        const bool is_online = info.flags & kPcpuOnline;
        EXPECT_EQ(is_online, info.apic_id % 2 == 0);
        online += is_online;
    }
    EXPECT_EQ(online, kCores);
    for (u32 vcpu = 0; vcpu < kThreads; ++vcpu)
        EXPECT_EQ(vcpu_op(VcpuCommand::IsUp, vcpu, nullptr) >= 0, vcpu < kCores);
}
