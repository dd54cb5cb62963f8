// Network interfaces of guests, over a kernel that is a fake.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <optional>

#include "testing.hpp"

namespace hvctld::test {
namespace {

class Nics : public HostTest {
  protected:
    [[nodiscard]] std::string with_nic(const std::string& name, const std::string& nic) const {
        return definition(name, fmt::format("nics: [{{{}}}]\n", nic));
    }
    JobRecord start(const std::string& text) { return process->finish(create(text)); }
    ErrorId error_of(const std::string& text) { return static_cast<ErrorId>(start(text).error); }
    JobRecord attach(const std::string& nic) { return process->finish(process->manager->attach_nic("web1", nic)); }
    JobRecord detach(const std::string& which, bool force = false) {
        return process->finish(process->manager->detach_nic("web1", which, force));
    }
    JobRecord change(const std::string& which, const std::string& text) {
        return process->finish(process->manager->change_nic("web1", which, text));
    }
    std::vector<NicView> nics(const std::string& name = "web1") {
        return process->manager->nics(name).value_or(std::vector<NicView>{});
    }
    [[nodiscard]] std::string backend(const std::string& name = "web1", unsigned number = 0) {
        return fmt::format("/local/domain/0/backend/vif/{}/{}", domid(name), number);
    }
    [[nodiscard]] std::string read(const std::string& path) const {
        return process->store->read(path).value_or("(none)");
    }
    FakeNetworkHost& kernel_side() { return *hypervisor.network; }
    // What Dom0 lets through of the interface.
    std::string passes(const std::string& interface) {
        const std::lock_guard lock{kernel_side().mutex};
        const auto found = kernel_side().passes.find(interface);
        if (found == kernel_side().passes.end()) return "nothing";
        const config::NicDefinition& nic = found->second.nic;
        std::string text = nic.link ? "" : "down ";
        for (const config::IpPrefix& address : nic.addresses) text += address.text() + " ";
        return text + (nic.any_address ? "any " : "") + fmt::format("{}", nic.rate_bits);
    }
    void expect_nothing() {
        process->settle();
        process->run_until([&] {
            const std::lock_guard lock{kernel_side().mutex};
            return kernel_side().passes.empty();
        });
        EXPECT_TRUE(process->store->list("/local/domain/0/backend/vif").value_or(std::vector<std::string>{}).empty());
    }
};

TEST_F(Nics, BothEndsFindWhatTheInterfacePromises) {
    const JobRecord job = start(with_nic("web1",
                                         "bridge: br0, mac: 00:16:3e:00:00:07, addresses: [192.0.2.7/24], "
                                         "rate: 8Mbit/s, mtu: 9000"));
    ASSERT_EQ(job.state, JobState::Done) << job.message;
    const std::string front = fmt::format("/local/domain/{}/device/vif/0", domid("web1"));
    EXPECT_EQ(read(backend() + "/frontend"), front);
    EXPECT_EQ(read(backend() + "/handle"), "0");
    EXPECT_EQ(read(backend() + "/mac"), "00:16:3e:00:00:07");
    EXPECT_EQ(read(backend() + "/script"), "");
    EXPECT_EQ(read(backend() + "/rate"), "50000,50000");
    EXPECT_EQ(read(backend() + "/hotplug-status"), "connected");
    EXPECT_EQ(read(front + "/backend"), backend());
    EXPECT_EQ(read(front + "/mac"), "00:16:3e:00:00:07");
    EXPECT_EQ(read(front + "/mtu"), "9000");
    // The guest reads what is its own and nothing of the host's records.
    EXPECT_EQ(process->store->permissions(backend() + "/hvctl-nic")->size(), 1u);
    EXPECT_EQ(passes(fmt::format("vif{}.0", domid("web1"))), "192.0.2.7/24 8000000");
    process->run_until([&] { return nics().front().state == "connected"; });
    EXPECT_EQ(nics().front().counters.sent_bytes, 2000u);
    process->finish(process->manager->destroy("web1"));
    EXPECT_EQ(nics().front().state, "offline");
    expect_nothing();
}

TEST_F(Nics, ACheckIsOfTheInterfaceThatTheGuestHas) {
    ASSERT_EQ(start(with_nic("web1", "bridge: br0, mac: 00:16:3e:00:00:07, addresses: [192.0.2.7/24]")).state,
              JobState::Done);
    std::optional<Result<NicCheck>> checked;
    const auto check = [&](const std::string& domain, const std::string& which) {
        checked.reset();
        process->manager->check_nic(domain, which, [&](const Result<NicCheck>& answer) { checked = answer; });
        process->run_until([&] { return checked.has_value(); });
        return *checked;
    };
    const auto sound = check("web1", "00:16:3e:00:00:07");
    ASSERT_TRUE(sound);
    EXPECT_EQ(sound->interface, fmt::format("vif{}.0", domid("web1")));
    EXPECT_TRUE(sound->in_force);
    EXPECT_EQ(check("web1", "5").error().id(), ErrorId::NoSuchNic);
    EXPECT_EQ(check("web2", "0").error().id(), ErrorId::NoSuchDomain);
    process->finish(process->manager->destroy("web1"));
    EXPECT_EQ(check("web1", "0").error().id(), ErrorId::WrongState);
}

// Dom0's kernel counts each run anew.
TEST_F(Nics, CountOverAllRunsDetachesAndDaemons) {
    constexpr const char* kNic = "bridge: br0, mac: 00:16:3e:00:00:07, addresses: [192.0.2.7/24]";
    const auto sent = [&](std::uint64_t wanted) {
        process->run_until([&] { return nics().front().counters.sent_bytes == wanted; });
        return nics().front().counters.sent_bytes;
    };
    ASSERT_EQ(start(with_nic("web1", kNic)).state, JobState::Done);
    EXPECT_EQ(sent(2000), 2000u);
    kernel_side().counted.sent_bytes = 5000;
    EXPECT_EQ(sent(5000), 5000u);
    restart();
    EXPECT_EQ(sent(5000), 5000u);
    kernel_side().counted.sent_bytes = 6000;
    EXPECT_EQ(sent(6000), 6000u);
    process->finish(process->manager->destroy("web1"));
    EXPECT_EQ(sent(6000), 6000u);
    kernel_side().counted.sent_bytes = 100;
    process->finish(process->manager->start("web1", false));
    EXPECT_EQ(sent(6100), 6100u);
    kernel_side().counted.sent_bytes = 200;
    ASSERT_EQ(detach("00:16:3e:00:00:07", true).state, JobState::Done);
    restart();
    kernel_side().counted.sent_bytes = 50;
    ASSERT_EQ(attach(fmt::format("{{{}}}", kNic)).state, JobState::Done);
    EXPECT_EQ(sent(6250), 6250u);
}

// Netback forgets what it has counted when a guest's driver closes and comes again.
TEST_F(Nics, ADriverThatComesAgainHidesNothing) {
    ASSERT_EQ(start(with_nic("web1", "bridge: br0, mac: 00:16:3e:00:00:07, addresses: [192.0.2.7/24]")).state,
              JobState::Done);
    const auto sent = [&](std::uint64_t wanted) {
        process->run_until([&] { return nics().front().counters.sent_bytes == wanted; });
        return nics().front().counters.sent_bytes;
    };
    EXPECT_EQ(sent(2000), 2000u);
    const std::string state = fmt::format("/local/domain/{}/device/vif/0/state", domid("web1"));
    kernel_side().counted.sent_bytes = 7000;
    ASSERT_TRUE(process->store->write(state, "5"));  // not looked at since
    kernel_side().counted.sent_bytes = 9000;         // all of it new
    ASSERT_TRUE(process->store->write(state, "4"));
    EXPECT_EQ(sent(16000), 16000u);
}

TEST_F(Nics, OneWithoutQuotaLeftIsHeldToWhatItsDefinitionSays) {
    constexpr const char* kNic =
        "bridge: br0, mac: 00:16:3e:00:00:07, addresses: [192.0.2.7/24], transfer_quota: 1MiB, over_quota: ";
    ASSERT_EQ(start(with_nic("web1", fmt::format("{}1Mbit/s", kNic))).state, JobState::Done);
    const auto interface = [&] { return fmt::format("vif{}.0", domid("web1")); };
    EXPECT_EQ(passes(interface()), "192.0.2.7/24 0");
    EXPECT_FALSE(nics().front().over_quota);
    kernel_side().counted.received_bytes = 2 << 20;
    process->run_until([&] { return passes(interface()) == "192.0.2.7/24 1000000"; });
    EXPECT_TRUE(nics().front().over_quota);
    EXPECT_EQ(nics().front().nic.rate_bits, 0u);
    EXPECT_GE(nics().front().month_bytes, 2u << 20);
    ASSERT_EQ(change("0", "{over_quota: stop}").state, JobState::Done);
    EXPECT_EQ(passes(interface()), "down 192.0.2.7/24 0");
    restart();
    process->run_until([&] { return passes(interface()) == "down 192.0.2.7/24 0" && nics().front().over_quota; });
    ASSERT_EQ(change("0", "{transfer_quota: 1GiB}").state, JobState::Done);
    process->run_until([&] { return passes(interface()) == "192.0.2.7/24 0"; });
    EXPECT_FALSE(nics().front().over_quota);
    for (const char* wrong : {"{transfer_quota: 1KiB}", "{over_quota: never}", "{over_quota: none}"})
        EXPECT_FALSE(process->manager->change_nic("web1", "0", wrong)) << wrong;
    ASSERT_EQ(change("0", "{transfer_quota: none}").state, JobState::Done);
    EXPECT_FALSE(process->manager->change_nic("web1", "0", "{over_quota: warn}"));
}

TEST_F(Nics, WhatIsLeftToTheHostStaysTheSame) {
    ASSERT_EQ(start(with_nic("web1", "")).state, JobState::Done);
    const auto before = nics().front().nic;
    ASSERT_TRUE(before.mac);
    ASSERT_EQ(before.addresses.size(), 2u);
    EXPECT_EQ(before.addresses.front().length, 20u);
    EXPECT_TRUE(before.addresses.back().six);
    const std::uint16_t first = domid("web1");
    hypervisor.stop(first, abi::ShutdownReason::Reboot);
    process->run_until([&] { return domid("web1") != first && domid("web1") != 0; });
    process->settle();
    EXPECT_EQ(nics().front().nic.addresses, before.addresses);
    process->finish(process->manager->destroy("web1"));
    restart();
    EXPECT_EQ(nics().front().nic.addresses, before.addresses);
    process->finish(process->manager->start("web1", {}));
    EXPECT_EQ(nics().front().nic.mac, before.mac);
    EXPECT_EQ(nics().front().nic.addresses, before.addresses);
    process->finish(process->manager->destroy("web1"));
    expect_nothing();
}

TEST_F(Nics, WhatCannotBeIsRefusedAndLeavesNothing) {
    EXPECT_EQ(error_of(with_nic("web1", "bridge: nowhere, addresses: any")), ErrorId::NicUnusable);
    EXPECT_EQ(error_of(with_nic("web1", "bridge: br0")), ErrorId::NicUnusable);
    kernel_side().complaint = "reading handle";
    EXPECT_EQ(error_of(with_nic("web1", "")), ErrorId::BackendFailed);
    kernel_side().complaint = {};
    kernel_side().broken = fmt::format("vif{}.0", 2);
    EXPECT_EQ(error_of(with_nic("web1", "")), ErrorId::BackendFailed);
    kernel_side().broken = {};
    EXPECT_EQ(guests(), 0u);
    expect_nothing();
    ASSERT_EQ(start(with_nic("web1", "bridge: br0, addresses: [192.0.2.7/24]")).state, JobState::Done);
    EXPECT_EQ(error_of(with_nic("web2", "bridge: br0, addresses: [192.0.2.0/24]")), ErrorId::AddressTaken);
    EXPECT_EQ(process->manager->get("web2").error().id(), ErrorId::NoSuchDomain);
    process->finish(process->manager->destroy("web1"));
    EXPECT_EQ(start(with_nic("web2", "bridge: br0, addresses: [192.0.2.0/24]")).state, JobState::Done);
    process->finish(process->manager->destroy("web2"));
    expect_nothing();
}

TEST_F(Nics, ComeGoAndChangeWhileTheGuestRuns) {
    ASSERT_EQ(start(definition("web1")).state, JobState::Done);
    ASSERT_EQ(attach("{bridge: br0, addresses: [192.0.2.7/24]}").state, JobState::Done);
    ASSERT_EQ(attach("{}").state, JobState::Done);
    ASSERT_EQ(nics().size(), 2u);
    const std::string first = fmt::format("vif{}.0", domid("web1"));
    EXPECT_EQ(passes(first), "192.0.2.7/24 0");
    EXPECT_EQ(static_cast<ErrorId>(attach("{bridge: br0, addresses: [192.0.2.7/24]}").error), ErrorId::AddressTaken);
    EXPECT_EQ(nics().size(), 2u);

    EXPECT_EQ(change("0", "{rate: 10Mbit/s, addresses: [192.0.2.8/24, '2001:db8::/64']}").state, JobState::Done);
    EXPECT_EQ(passes(first), "192.0.2.8/24 2001:db8::/64 10000000");
    EXPECT_EQ(read(backend() + "/rate"), "62500,50000");
    EXPECT_EQ(change("0", "{link: down, rate: none}").state, JobState::Done);
    EXPECT_EQ(passes(first), "down 192.0.2.8/24 2001:db8::/64 0");
    for (const char* wrong : {"{rate: 0Mbit/s}", "{mac: 00:16:3e:00:00:01}", "{addresses: []}", "7", "{link: left}"})
        EXPECT_EQ(process->manager->change_nic("web1", "0", wrong).error().id(), ErrorId::DefinitionInvalid) << wrong;
    EXPECT_EQ(process->manager->change_nic("web1", "2", "{link: up}").error().id(), ErrorId::NoSuchNic);

    // What fails leaves it as it was.
    kernel_side().broken = first;
    EXPECT_EQ(change("0", "{link: up}").state, JobState::Failed);
    kernel_side().broken = {};
    EXPECT_FALSE(nics().front().nic.link);

    kernel_side().guest_lets_go = false;
    EXPECT_EQ(detach("1", true).state, JobState::Done);
    EXPECT_EQ(nics().size(), 1u);
    kernel_side().guest_lets_go = true;
    EXPECT_EQ(detach(config::format_mac(*nics().front().nic.mac)).state, JobState::Done);
    EXPECT_TRUE(nics().empty());
    EXPECT_EQ(process->manager->detach_nic("web1", "0", false).error().id(), ErrorId::NoSuchNic);
    EXPECT_EQ(attach("{bridge: br0, addresses: [192.0.2.8/24]}").state, JobState::Done);
    process->finish(process->manager->destroy("web1"));
    expect_nothing();
}

TEST_F(Nics, OfTwoDetachesTheSecondFindsNothing) {
    ASSERT_EQ(start(with_nic("web1", "")).state, JobState::Done);
    ASSERT_EQ(attach("{}").state, JobState::Done);
    const auto first = process->manager->detach_nic("web1", "1", false);
    const auto second = process->manager->detach_nic("web1", "1", false);
    ASSERT_TRUE(first && second);
    EXPECT_EQ(process->finish(first).state, JobState::Done);
    EXPECT_EQ(static_cast<ErrorId>(process->finish(second).error), ErrorId::NoSuchNic);
    EXPECT_EQ(nics().size(), 1u);
    EXPECT_EQ(read(backend() + "/online"), "1");
    EXPECT_EQ(nics().front().state, "connected");
}

TEST_F(Nics, AnAttachThatTheGuestDoesNotTakeIsUndone) {
    ASSERT_EQ(start(definition("web1")).state, JobState::Done);
    kernel_side().guest_takes = false;
    const JobRecord job = attach("{bridge: br0, addresses: [192.0.2.7/24]}");
    EXPECT_EQ(static_cast<ErrorId>(job.error), ErrorId::GuestSilent);
    EXPECT_TRUE(nics().empty());
    EXPECT_FALSE(process->store->exists(backend()));
    EXPECT_EQ(passes(fmt::format("vif{}.0", domid("web1"))), "nothing");
    kernel_side().guest_takes = true;
    EXPECT_EQ(attach("{bridge: br0, addresses: [192.0.2.7/24]}").state, JobState::Done);
}

TEST_F(Nics, AKillLosesNothingAndLeavesNothing) {
    ASSERT_EQ(start(with_nic("web1", "bridge: br0, addresses: [192.0.2.7/24]")).state, JobState::Done);
    const std::string first = fmt::format("vif{}.0", domid("web1"));
    abandon();
    process->settle();
    ASSERT_EQ(nics().size(), 1u);
    EXPECT_EQ(passes(first), "192.0.2.7/24 0");
    EXPECT_EQ(error_of(with_nic("web2", "bridge: br0, addresses: [192.0.2.7/24]")), ErrorId::AddressTaken);
    // Killed while one is on its way, and while one is asked for.
    kernel_side().guest_takes = false;
    ASSERT_TRUE(process->manager->attach_nic("web1", "{}"));
    process->run_until([&] { return process->manager->jobs().list().back().phase == JobPhase::WaitForDriver; });
    kernel_side().guest_takes = true;
    abandon();
    process->settle();
    EXPECT_EQ(nics().size(), 1u);
    process->run_until([&] { return passes(fmt::format("vif{}.1", domid("web1"))) == "nothing"; });
    EXPECT_FALSE(process->store->exists(backend("web1", 1)));
    kernel_side().guest_lets_go = false;
    ASSERT_TRUE(process->manager->detach_nic("web1", "0", false));
    process->run_until([&] { return process->manager->jobs().list().back().phase == JobPhase::AskForNic; });
    abandon();
    process->run_until([&] { return nics().front().state == "connected"; });
    EXPECT_EQ(read(backend() + "/online"), "1");
    process->finish(process->manager->destroy("web1"));
    expect_nothing();
}

}  // namespace
}  // namespace hvctld::test
