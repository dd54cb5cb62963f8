#include <gtest/gtest.h>

#include <memory>

#include "hv/abi/xen/errno.hpp"
#include "hv/abi/xen/sched.hpp"
#include "hv/abi/xen/vcpu.hpp"
#include "hv/abi/xen/vcpu_state.hpp"
#include "hv/control/operation.hpp"
#include "hv/domain/runstate.hpp"
#include "hv/hypercall/handlers.hpp"
#include "hv/memory/frame.hpp"
#include "hv/sched/sched.hpp"
#include "tests/unit/fakes/machine.hpp"

namespace {

using namespace hv::abi::xen;

class Calls : public testing::Test {
  protected:
    void SetUp() override {
        fake::boot();
        domain = &fake::make_domain(3);
        fake::settle();
        vcpu = domain->vcpu(hv::VcpuId{0});
        fake::on_cpu(vcpu->cpu.load());
        fake::set_current(*vcpu);
    }
    void TearDown() override {
        fake::settle();
        fake::destroy_all();
    }
    static std::int64_t vcpu_op(VcpuCommand command, std::uint64_t id, std::uint64_t argument = 0) {
        return fake::hypercall(hv::do_vcpu_op, static_cast<std::uint64_t>(command), id, argument);
    }
    static std::int64_t sched_op(SchedCommand command, std::uint64_t argument = 0) {
        return fake::hypercall(hv::do_sched_op, static_cast<std::uint64_t>(command), argument);
    }
    hv::Domain* domain = nullptr;
    hv::Vcpu* vcpu = nullptr;
};

using VcpuOp = Calls;
using SchedOp = Calls;

// Another vCPU is being initialised, which may take as long as a hypercall may.
TEST_F(VcpuOp, InitialisationsDoNotQueue) {
    const auto context = std::make_unique<VcpuGuestContext>();
    hv::HypercallArguments arguments{{static_cast<std::uint64_t>(VcpuCommand::Initialise), 1, fake::address(*context)}};
    std::atomic<std::uint32_t>& flags = domain->vcpu(hv::VcpuId{1})->flags;
    flags.fetch_and(~std::uint32_t{hv::kVcpuInitialised});
    fake::preempt_every(1);
    hv::HypercallResult result = [&] {
        const hv::Guard other{domain->lock};
        return hv::do_vcpu_op(arguments);
    }();
    ASSERT_FALSE(result.has_value());
    EXPECT_EQ(result.error(), hv::Error::Restart);
    flags.fetch_or(hv::kVcpuInitialised);
    result = hv::do_vcpu_op(arguments);
    fake::preempt_every(0);
    ASSERT_FALSE(result.has_value());
    EXPECT_EQ(result.error(), hv::Error::Exists);
}

TEST_F(VcpuOp, UpAndDown) {
    EXPECT_EQ(vcpu_op(VcpuCommand::IsUp, 0), 1);
    EXPECT_EQ(vcpu_op(VcpuCommand::IsUp, 1), 0);
    EXPECT_EQ(vcpu_op(VcpuCommand::IsUp, 3), -kENOENT);
    EXPECT_EQ(vcpu_op(VcpuCommand::IsUp, ~std::uint64_t{0}), -kENOENT);
    EXPECT_EQ(vcpu_op(static_cast<VcpuCommand>(99), 0), -kENOSYS);
    EXPECT_EQ(vcpu_op(VcpuCommand::Up, 1), 0);
    fake::settle();
    EXPECT_TRUE(domain->vcpu(hv::VcpuId{1})->running.load());
    EXPECT_EQ(vcpu_op(VcpuCommand::Down, 1), 0);
    fake::settle();
    EXPECT_FALSE(domain->vcpu(hv::VcpuId{1})->running.load());
    EXPECT_EQ(hv::runstate_snapshot(*domain->vcpu(hv::VcpuId{1}), fake::now()).state,
              static_cast<std::uint32_t>(RunstateKind::Offline));
    // The last one takes the domain with it.
    EXPECT_EQ(vcpu_op(VcpuCommand::Down, 0), 0);
    EXPECT_TRUE(domain->shut_down.load());
    EXPECT_EQ(domain->shutdown_reason.load(), 0u);
}

TEST_F(VcpuOp, InitialiseOnce) {
    domain->vcpu(hv::VcpuId{2})->flags.fetch_and(~std::uint32_t{hv::kVcpuInitialised});
    EXPECT_EQ(vcpu_op(VcpuCommand::Up, 2), -kEINVAL);
    static std::array<std::byte, 8192> context{};
    EXPECT_EQ(vcpu_op(VcpuCommand::Initialise, 2, 8), -kEFAULT);
    EXPECT_EQ(vcpu_op(VcpuCommand::Initialise, 2, fake::address(context)), 0);
    EXPECT_EQ(vcpu_op(VcpuCommand::Initialise, 2, fake::address(context)), -kEEXIST);
    EXPECT_EQ(vcpu_op(VcpuCommand::Initialise, 2, 8), -kEEXIST);  // known without a look at the context
    EXPECT_EQ(vcpu_op(VcpuCommand::Up, 2), 0);
}

TEST_F(VcpuOp, RegisterInfo) {
    const hv::Mfn frame = fake::give_page(*domain);
    vcpu->info.load()->evtchn_upcall_mask = 1;
    for (const auto& [mfn, offset] : {std::pair<std::uint64_t, std::uint32_t>{frame.raw, 4096 - 63},
                                      {frame.raw, 4},
                                      {frame.raw, ~7u},
                                      {~0ull, 0}}) {
        VcpuRegisterVcpuInfo bad{.mfn = mfn, .offset = offset, .reserved = 0};
        EXPECT_EQ(vcpu_op(VcpuCommand::RegisterVcpuInfo, 0, fake::address(bad)), -kEINVAL);
    }
    VcpuRegisterVcpuInfo op{.mfn = frame.raw, .offset = 4096 - 64, .reserved = 0};
    EXPECT_EQ(vcpu_op(VcpuCommand::RegisterVcpuInfo, 0, fake::address(op)), 0);
    const VcpuInfo& info = *vcpu->info.load();
    EXPECT_EQ(static_cast<const void*>(&info), static_cast<std::byte*>(fake::page(frame)) + 4096 - 64);
    EXPECT_EQ(info.evtchn_upcall_mask, 1);
    EXPECT_EQ(info.evtchn_upcall_pending, 1);
    EXPECT_EQ(info.evtchn_pending_sel, ~std::uint64_t{0});
    EXPECT_EQ(vcpu_op(VcpuCommand::RegisterVcpuInfo, 0, fake::address(op)), -kEINVAL);
    EXPECT_EQ(hv::frame_info(frame).references(), 2u);
    EXPECT_EQ(vcpu_op(VcpuCommand::RegisterVcpuInfo, 1, fake::address(op)), 0);  // one that is down
    EXPECT_EQ(vcpu_op(VcpuCommand::Up, 2), 0);
    EXPECT_EQ(vcpu_op(VcpuCommand::RegisterVcpuInfo, 2, fake::address(op)), -kEINVAL);  // up, and not the caller
}

TEST_F(VcpuOp, Runstate) {
    VcpuRunstateInfo area{};
    VcpuRegisterArea op{.address = fake::address(area)};
    EXPECT_EQ(vcpu_op(VcpuCommand::RegisterRunstateMemoryArea, 0, fake::address(op)), 0);
    EXPECT_EQ(area.state, 0u);
    fake::run_until(fake::now() + 5'000'000);
    VcpuRunstateInfo info{};
    EXPECT_EQ(vcpu_op(VcpuCommand::GetRunstateInfo, 0, fake::address(info)), 0);
    EXPECT_GE(info.time[0], 5'000'000u);
    EXPECT_TRUE(hv::runstate_publish(*vcpu));
    EXPECT_EQ(area.state_entry_time, info.state_entry_time);
    EXPECT_EQ(area.state_entry_time & kRunstateUpdate, 0u);
    vcpu->runstate_area = hv::GuestVirtual{64};  // unmapped since
    EXPECT_FALSE(hv::runstate_publish(*vcpu));
    op.address = 64;
    EXPECT_EQ(vcpu_op(VcpuCommand::RegisterRunstateMemoryArea, 0, fake::address(op)), -kEFAULT);
    op.address = 0;
    EXPECT_EQ(vcpu_op(VcpuCommand::RegisterRunstateMemoryArea, 0, fake::address(op)), 0);
    EXPECT_TRUE(hv::runstate_publish(*vcpu));
}

TEST_F(VcpuOp, PhysicalIdOfPinnedDom0Only) {
    VcpuGetPhysid id{};
    EXPECT_EQ(vcpu_op(VcpuCommand::GetPhysid, 0, fake::address(id)), -kEINVAL);
    EXPECT_EQ(vcpu_op(VcpuCommand::SendNmi, 1), 0);
    hv::Vcpu& dom0 = *fake::dom0().vcpu(hv::VcpuId{0});
    fake::settle();
    fake::on_cpu(dom0.cpu.load());
    fake::set_current(dom0);
    SchedPinOverride pin{.pcpu = 3};
    EXPECT_EQ(sched_op(SchedCommand::PinOverride, fake::address(pin)), 0);
    EXPECT_EQ(vcpu_op(VcpuCommand::GetPhysid, 0, fake::address(id)), 0);
    EXPECT_EQ(id.phys_id, 3u);
    pin.pcpu = -1;
    EXPECT_EQ(sched_op(SchedCommand::PinOverride, fake::address(pin)), 0);
    pin.pcpu = 300;
    EXPECT_EQ(sched_op(SchedCommand::PinOverride, fake::address(pin)), -kEINVAL);
}

TEST_F(SchedOp, Shutdown) {
    SchedShutdown op{.reason = 6};
    EXPECT_EQ(sched_op(SchedCommand::Shutdown, fake::address(op)), -kEINVAL);
    op.reason = 1;
    EXPECT_EQ(sched_op(SchedCommand::Shutdown, fake::address(op)), 0);
    fake::settle();
    EXPECT_TRUE(domain->shut_down.load());
    EXPECT_EQ(domain->shutdown_reason.load(), 1u);
    EXPECT_FALSE(vcpu->running.load());
}

TEST_F(SchedOp, ShutdownCodeComesFirst) {
    SchedShutdown op{.reason = 3};
    EXPECT_EQ(sched_op(SchedCommand::ShutdownCode, fake::address(op)), 0);
    EXPECT_EQ(fake::hypercall(hv::do_sched_op_compat, 2, 0), 0);
    EXPECT_EQ(domain->shutdown_reason.load(), 3u);
}

TEST_F(SchedOp, RemoteShutdownAndPinOverrideAreDom0s) {
    hv::Domain& victim = fake::make_domain();
    SchedRemoteShutdown op{.domid = victim.id.raw, .pad = 0, .reason = 2};
    EXPECT_EQ(sched_op(SchedCommand::RemoteShutdown, fake::address(op)), -kEPERM);
    SchedPinOverride pin{.pcpu = 0};
    EXPECT_EQ(sched_op(SchedCommand::PinOverride, fake::address(pin)), -kEPERM);
    fake::settle();
    hv::Vcpu& dom0 = *fake::dom0().vcpu(hv::VcpuId{0});
    fake::settle();
    fake::on_cpu(dom0.cpu.load());
    fake::set_current(dom0);
    EXPECT_EQ(sched_op(SchedCommand::RemoteShutdown, fake::address(op)), 0);
    EXPECT_EQ(victim.shutdown_reason.load(), 2u);
}

TEST_F(SchedOp, Watchdogs) {
    SchedWatchdog op{.id = 0, .timeout = 2};
    EXPECT_EQ(sched_op(SchedCommand::Watchdog, fake::address(op)), 1);
    EXPECT_EQ(sched_op(SchedCommand::Watchdog, fake::address(op)), 2);
    EXPECT_EQ(sched_op(SchedCommand::Watchdog, fake::address(op)), -kENOSPC);
    op = {.id = 3, .timeout = 2};
    EXPECT_EQ(sched_op(SchedCommand::Watchdog, fake::address(op)), -kEINVAL);
    op = {.id = 2, .timeout = 0};
    EXPECT_EQ(sched_op(SchedCommand::Watchdog, fake::address(op)), 0);
    for (int i = 0; i < 5; ++i) {
        fake::run_until(fake::now() + 1'900'000'000);
        fake::on_cpu(vcpu->cpu.load());
        op = {.id = 1, .timeout = 2};
        EXPECT_EQ(sched_op(SchedCommand::Watchdog, fake::address(op)), 0);
    }
    EXPECT_FALSE(domain->shut_down.load());
    fake::run_until(fake::now() + 2'100'000'000);
    EXPECT_TRUE(domain->shut_down.load());
    EXPECT_EQ(domain->shutdown_reason.load(), static_cast<std::uint32_t>(ShutdownReason::Watchdog));
}

// A domain that the toolstack has paused cannot set it again: it has the same time once it goes on.
TEST_F(SchedOp, AWatchdogWaitsForAPausedDomain) {
    SchedWatchdog op{.id = 0, .timeout = 2};
    EXPECT_EQ(sched_op(SchedCommand::Watchdog, fake::address(op)), 1);
    hv::abi::control::DomainOnly request{};
    request.domain = domain->id.raw;
    domain->pause_nosync();
    domain->paused_by_control = true;
    fake::run_until(fake::now() + 7'900'000'000);
    EXPECT_FALSE(domain->shut_down.load());
    EXPECT_TRUE(hv::op_unpause_domain(request));
    fake::run_until(fake::now() + 1'900'000'000);
    EXPECT_FALSE(domain->shut_down.load());
    fake::run_until(fake::now() + 200'000'000);
    EXPECT_TRUE(domain->shut_down.load());
}

}  // namespace
