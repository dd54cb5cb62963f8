// The programs that are run for network interfaces: when, in which order, and what becomes of a failure or a kill. Over
// a kernel that is a fake.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "testing.hpp"

namespace hvctld::test {
namespace {

constexpr const char* kHooked = "bridge: br0, mac: 00:16:3e:00:00:07, addresses: [192.0.2.7/24], hook: /etc/hook";

using Said = std::vector<std::string>;

class NicHooks : public HostTest {
  protected:
    [[nodiscard]] std::string with_nic(const std::string& name, const std::string& nic) const {
        return definition(name, fmt::format("nics: [{{{}}}]\n", nic));
    }
    JobRecord start(const std::string& text) { return process->finish(create(text)); }
    JobRecord attach(const std::string& nic) {
        return process->finish(process->manager->attach_nic("web1", fmt::format("{{{}}}", nic)));
    }
    FakeNetworkHost& kernel_side() { return *hypervisor.network; }
    std::vector<std::string> hooks() {
        const std::lock_guard lock{kernel_side().mutex};
        return kernel_side().hooks;
    }
    void set_failing(const std::string& program) {
        const std::lock_guard lock{kernel_side().mutex};
        kernel_side().failing_hook = program;
    }
    // Until so many have ended.
    std::vector<std::string> wait_for_hooks(std::size_t count) {
        process->run_until([&] { return hooks().size() >= count; });
        return hooks();
    }
    [[nodiscard]] std::string backend_state(const std::string& node) {
        return process->store->read(fmt::format("/local/domain/0/backend/vif/{}/0/{}", domid("web1"), node))
            .value_or("");
    }
    void expect_nothing_left() {
        process->settle();
        process->run_until([&] {
            const std::lock_guard lock{kernel_side().mutex};
            return kernel_side().passes.empty();
        });
        // The folder of a guest that runs may stay.
        const std::string backends = "/local/domain/0/backend/vif";
        for (const std::string& guest : process->store->list(backends).value_or(std::vector<std::string>{}))
            EXPECT_TRUE(process->store->list(fmt::format("{}/{}", backends, guest)).value_or(Said{}).empty()) << guest;
        process->run_until([&] {
            return process->store->list("/tool/hvctld/nic-hooks").value_or(std::vector<std::string>{}).empty();
        });
    }
};

TEST_F(NicHooks, RunBeforeTheGuestHasTheInterfaceAndWhenItGoes) {
    kernel_side().hooks_hang = true;
    const auto job = create(with_nic("web1", kHooked));
    ASSERT_TRUE(job);
    process->run_until([&] { return kernel_side().hooks_begun == 1; });
    const std::uint16_t id = domid("web1");
    EXPECT_EQ(backend_state("hotplug-status"), "");
    EXPECT_NE(process->manager->jobs().list().back().phase_text().find("/etc/hook"), std::string::npos);
    kernel_side().hooks_hang = false;
    EXPECT_EQ(process->finish(job).state, JobState::Done);
    EXPECT_EQ(backend_state("hotplug-status"), "connected");
    EXPECT_EQ(hooks(), Said{fmt::format("add vif{}.0 web1 /etc/hook", id)});
    // Nothing is run for an interface that is there.
    restart();
    process->settle();
    EXPECT_EQ(hooks().size(), 1u);
    EXPECT_EQ(process->finish(process->manager->destroy("web1")).state, JobState::Done);
    EXPECT_EQ(wait_for_hooks(2).back(), fmt::format("remove vif{}.0 web1 /etc/hook", id));
    expect_nothing_left();
}

TEST_F(NicHooks, AFailureUndoesTheStartAndSaysWhatTheProgramSaid) {
    set_failing("/etc/hook");
    const JobRecord job = start(with_nic("web1", kHooked));
    EXPECT_EQ(static_cast<ErrorId>(job.error), ErrorId::HookFailed);
    EXPECT_NE(job.message.find("web1: hook /etc/hook add vif"), std::string::npos) << job.message;
    EXPECT_NE(job.message.find("status 3: no such switch"), std::string::npos) << job.message;
    EXPECT_EQ(guests(), 0u);
    // What it had done before it failed is undone by itself; that it fails again does not matter.
    EXPECT_TRUE(wait_for_hooks(2).back().starts_with("remove "));
    expect_nothing_left();
    set_failing({});
    EXPECT_EQ(start(with_nic("web1", kHooked)).state, JobState::Done);
}

TEST_F(NicHooks, AFailureUndoesAnAttach) {
    ASSERT_EQ(start(definition("web1")).state, JobState::Done);
    set_failing("/etc/hook");
    const JobRecord job = attach(kHooked);
    EXPECT_EQ(static_cast<ErrorId>(job.error), ErrorId::HookFailed);
    EXPECT_NE(job.message.find("no such switch"), std::string::npos) << job.message;
    EXPECT_TRUE(process->manager->nics("web1").value_or(std::vector<NicView>{}).empty());
    EXPECT_EQ(hooks().size(), 2u);
    expect_nothing_left();
    set_failing({});
    EXPECT_EQ(attach(kHooked).state, JobState::Done);
    EXPECT_EQ(process->finish(process->manager->detach_nic("web1", "00:16:3e:00:00:07", false)).state, JobState::Done);
    EXPECT_EQ(hooks().size(), 4u);
    EXPECT_TRUE(hooks().back().starts_with("remove ")) << hooks().back();
}

TEST_F(NicHooks, TheInterfacesOwnIsRunInPlaceOfTheHosts) {
    settings.defaults.nic_hook = "/etc/usual";
    restart();
    const std::string nics =
        "nics: [{bridge: br0, addresses: [192.0.2.1/24]}, {bridge: br0, addresses: [192.0.2.2/24], hook: none}, "
        "{bridge: br0, addresses: [192.0.2.3/24], hook: /etc/own}]\n";
    ASSERT_EQ(start(definition("web1", nics)).state, JobState::Done);
    const std::uint16_t id = domid("web1");
    EXPECT_EQ(hooks(),
              (Said{fmt::format("add vif{}.0 web1 /etc/usual", id), fmt::format("add vif{}.2 web1 /etc/own", id)}));
    // Undone by the one that has done it, whatever the settings say by now.
    settings.defaults.nic_hook.clear();
    restart();
    process->finish(process->manager->destroy("web1"));
    Said undone = wait_for_hooks(4);
    undone.erase(undone.begin(), undone.begin() + 2);
    std::ranges::sort(undone);
    EXPECT_EQ(undone, (Said{fmt::format("remove vif{}.0 web1 /etc/usual", id),
                            fmt::format("remove vif{}.2 web1 /etc/own", id)}));
    // The host's is not written into definitions.
    process->finish(process->manager->start("web1", {}));
    EXPECT_EQ(wait_for_hooks(5).size(), 5u);
    process->settle();
    EXPECT_EQ(hooks().size(), 5u);
}

TEST_F(NicHooks, TheNextRunWaitsUntilTheOneBeforeIsUndone) {
    ASSERT_EQ(start(with_nic("web1", kHooked)).state, JobState::Done);
    const std::uint16_t first = domid("web1");
    kernel_side().hooks_hang = true;
    hypervisor.stop(first, abi::ShutdownReason::Reboot);
    process->run_until([&] {
        return kernel_side().hooks_begun == 2 && process->manager->jobs().list().back().phase == JobPhase::Nics;
    });
    for (int i = 0; i < 20; ++i) process->loop->run_once(false);
    EXPECT_EQ(kernel_side().hooks_begun, 2);
    kernel_side().hooks_hang = false;
    process->settle();
    const std::uint16_t second = domid("web1");
    EXPECT_EQ(hooks(), (Said{fmt::format("add vif{}.0 web1 /etc/hook", first),
                             fmt::format("remove vif{}.0 web1 /etc/hook", first),
                             fmt::format("add vif{}.0 web1 /etc/hook", second)}));
}

TEST_F(NicHooks, AStartThatIsCalledOffEndsItsHookFirst) {
    kernel_side().hooks_hang = true;
    const auto job = create(with_nic("web1", kHooked));
    ASSERT_TRUE(job);
    process->run_until([&] { return kernel_side().hooks_begun == 1; });
    const auto destroyed = process->manager->destroy("web1");
    ASSERT_TRUE(destroyed);
    process->run_until([&] { return kernel_side().hooks_begun == 2; });
    EXPECT_EQ(hooks().size(), 1u);  // the first one has ended before the second one began
    kernel_side().hooks_hang = false;
    process->settle();
    EXPECT_TRUE(wait_for_hooks(2).back().starts_with("remove "));
    EXPECT_EQ(guests(), 0u);
    expect_nothing_left();
}

// A killed daemon's hook is killed with it, and is undone by the next one before anything else is done with what it
// had.
TEST_F(NicHooks, AKillUndoesWhatWasBegun) {
    kernel_side().hooks_hang = true;
    ASSERT_TRUE(create(with_nic("web1", kHooked)));
    process->run_until([&] { return kernel_side().hooks_begun == 1; });
    const std::uint16_t first = domid("web1");
    abandon();
    kernel_side().hooks_hang = false;
    process->settle();
    const std::uint16_t second = domid("web1");
    EXPECT_NE(second, 0u);
    const std::string removed = fmt::format("remove vif{}.0 web1 /etc/hook", first);
    Said all = hooks();
    const auto undone = std::ranges::find(all, removed);
    ASSERT_NE(undone, all.end());
    EXPECT_NE(std::find(undone, all.end(), fmt::format("add vif{}.0 web1 /etc/hook", second)), all.end());
    EXPECT_EQ(std::ranges::count(all, removed), 1);

    // While the interface of a guest that runs goes.
    kernel_side().hooks_hang = true;
    const int begun = kernel_side().hooks_begun;
    ASSERT_TRUE(process->manager->destroy("web1"));
    process->run_until([&] { return kernel_side().hooks_begun == begun + 1; });
    abandon();
    kernel_side().hooks_hang = false;
    process->settle();
    // The killed one's, which this fake does not kill, and the next one's.
    process->run_until(
        [&] { return std::ranges::count(hooks(), fmt::format("remove vif{}.0 web1 /etc/hook", second)) == 2; });
    expect_nothing_left();
}

TEST_F(NicHooks, AKilledAttachIsUndoneAndOneThatWasOverIsNot) {
    ASSERT_EQ(start(definition("web1")).state, JobState::Done);
    const std::uint16_t id = domid("web1");
    ASSERT_EQ(attach(kHooked).state, JobState::Done);
    kernel_side().guest_takes = false;
    ASSERT_TRUE(process->manager->attach_nic("web1", "{bridge: br0, addresses: [192.0.2.9/24], hook: /etc/other}"));
    process->run_until([&] { return process->manager->jobs().list().back().phase == JobPhase::WaitForDriver; });
    kernel_side().guest_takes = true;
    abandon();
    process->settle();
    EXPECT_EQ(wait_for_hooks(3).back(), fmt::format("remove vif{}.1 web1 /etc/other", id));
    ASSERT_EQ(process->manager->nics("web1").value_or(std::vector<NicView>{}).size(), 1u);
    EXPECT_EQ(process->manager->nics("web1")->front().nic.hook, "/etc/hook");
    process->finish(process->manager->destroy("web1"));
    EXPECT_EQ(wait_for_hooks(4).back(), fmt::format("remove vif{}.0 web1 /etc/hook", id));
    expect_nothing_left();
}

}  // namespace
}  // namespace hvctld::test
