// Promised: busy domains share a CPU by weight.
// Exercised: three spinning domains of weights 256, 256 and 512, pinned to one CPU for a second.
// A pass means: all of them made progress. How much each got is printed, not judged.
#include "hv/abi/control/sched.hpp"
#include "hv/abi/control/vcpu.hpp"
#include "tests/guest/lib/domu.hpp"
#include "tests/guest/lib/events.hpp"
#include "tests/guest/lib/guest.hpp"

using namespace guest;
namespace control = hv::abi::control;

void guest::domu_main(u64) {
    for (;;) asm volatile("pause");
}

void guest::test_main() {
    if (!on_hv()) skip("needs the control hypercall");
    const u32 weights[3] = {256, 256, 512};
    DomU domains[3];
    for (unsigned i = 0; i < 3; ++i) {
        domains[i] = build_domu();
        control::SchedParameters share{domains[i].id, 0, weights[i], 0, 0};
        EXPECT_EQ(control_op(control::Operation::SetSchedParameters, share), 0);
        u8 first_cpu = 1;
        control::VcpuAffinity affinity{reinterpret_cast<u64>(&first_cpu), 0, 8, 0, domains[i].id, {}};
        EXPECT_EQ(control_op(control::Operation::SetVcpuAffinity, affinity), 0);
    }
    for (const DomU& domain : domains) unpause_domu(domain);
    SchedPoll sleep{0, 0, 0, system_time() + 1'000'000'000};
    sched_op(SchedCommand::Poll, &sleep);
    u64 times[3];
    for (unsigned i = 0; i < 3; ++i) times[i] = domu_info(domains[i]).cpu_time_ns;
    print("fairness: microseconds of CPU at weights 256, 256, 512: ", times[0] / 1000, " ", times[1] / 1000, " ",
          times[2] / 1000, "\n");
    for (unsigned i = 0; i < 3; ++i) {
        EXPECT_TRUE(times[i] > 0);
        EXPECT_EQ(destroy_domu(domains[i]), 0);
    }
}
