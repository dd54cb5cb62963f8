// How runs end: by request, by the guest, by a crash.
#include <atomic>
#include <thread>

#include "base/clock.hpp"
#include "domain/store_entries.hpp"
#include "testing.hpp"

namespace hvctld::test {
namespace {

class Ending : public HostTest {
  protected:
    [[nodiscard]] std::string request(std::uint16_t id) const {
        return process->store->read(domain_path(id) + "/control/shutdown").value_or("(missing)");
    }
    // The guest reads the request and stops as asked.
    void obey(std::uint16_t id) {
        const bool reboot = request(id) == "reboot";
        ASSERT_TRUE(process->store->write(domain_path(id) + "/control/shutdown", ""));
        hypervisor.stop(id, reboot ? abi::ShutdownReason::Reboot : abi::ShutdownReason::Poweroff);
    }
    void stop_and_settle(abi::ShutdownReason reason) {
        hypervisor.stop(domid("web1"), reason);
        process->run_until([&] { return !process->manager->jobs().idle() || view("web1").state != "running"; });
        process->settle();
    }
};

TEST_F(Ending, ShutdownWaitsForTheGuest) {
    process->finish(create(definition("web1")));
    const auto job = process->manager->shutdown("web1", 300);
    process->run_until([&] { return request(domid("web1")) == "poweroff"; });
    obey(domid("web1"));
    const JobRecord record = process->finish(job);
    EXPECT_EQ(record.state, JobState::Done) << record.message;
    EXPECT_EQ(view("web1").state, "stopped");
    EXPECT_EQ(view("web1").shutdown_reason, "poweroff");
    EXPECT_EQ(guests(), 0u);
}

// Whatever a guest makes of it: after a job that asked for its end, the guest does not come back.
TEST_F(Ending, ShutdownEndsAGuestThatRebootsOrCrashesInstead) {
    for (const auto reason : {abi::ShutdownReason::Reboot, abi::ShutdownReason::Crash}) {
        process->finish(create(definition("web1", "on_crash: restart\n")));
        const auto job = process->manager->shutdown("web1", 300);
        process->run_until([&] { return request(domid("web1")) == "poweroff"; });
        hypervisor.stop(domid("web1"), reason);
        EXPECT_EQ(process->finish(job).state, JobState::Done);
        process->settle();
        EXPECT_EQ(view("web1").domid, std::nullopt);
        EXPECT_EQ(guests(), 0u);
    }
}

// What a job could not end is ended later, and a guest that was between two runs has its next one.
TEST_F(Ending, WhatCannotBeEndedNowIsEndedLater) {
    process->finish(create(definition("ended")));
    process->finish(create(definition("rebooted")));
    const std::uint16_t before = domid("rebooted");
    hypervisor.fail_at = [](const std::string& call) -> hvctl::Result<void> {
        if (call == "destroy_domain") return hvctl::fail(hvctl::ErrorCode::Io, "broken");
        return {};
    };
    EXPECT_EQ(process->finish(process->manager->destroy("ended")).state, JobState::Failed);
    hypervisor.stop(before, abi::ShutdownReason::Reboot);
    process->run_until([&] { return view("rebooted").state == "dying" && process->manager->jobs().idle(); });
    hypervisor.fail_at = nullptr;
    process->run_until([&] { return view("ended").state == "stopped" && view("rebooted").state == "running"; });
    EXPECT_NE(domid("rebooted"), before);
    process->settle();
    EXPECT_EQ(guests(), 1u);
}

// Memory of a guest between two runs is held for long: a destroy in that time says so, and the guest does not come
// back.
TEST_F(Ending, AGuestThatIsHeldIsDestroyedAllTheSame) {
    process->finish(create(definition("web1")));
    bool broken = true;
    hypervisor.fail_at = [&](const std::string& call) -> hvctl::Result<void> {
        if (call == "destroy_domain" && broken) return hvctl::fail(hvctl::ErrorCode::Io, "broken");
        return {};
    };
    hypervisor.stop(domid("web1"), abi::ShutdownReason::Reboot);
    process->run_until([&] { return view("web1").state == "dying" && process->manager->jobs().idle(); });
    broken = false;
    hypervisor.destroy_retries = 20;  // then it waits, and is asked again
    process->run_until([&] { return hypervisor.destroy_retries < 20; });
    EXPECT_EQ(process->manager->destroy("web1").error().id(), ErrorId::DeadlinePassed);
    process->run_until([&] { return guests() == 0; });
    process->settle();
    EXPECT_EQ(view("web1").state, "stopped");
    EXPECT_EQ(guests(), 0u);
}

TEST_F(Ending, RebootKeepsTheNameAndTakesANewDomain) {
    process->finish(create(definition("web1")));
    const std::uint16_t before = domid("web1");
    hypervisor.print(before, "one ");
    const auto job = process->manager->reboot("web1", 300);
    process->run_until([&] { return request(before) == "reboot"; });
    obey(before);
    EXPECT_EQ(process->finish(job).state, JobState::Done);
    EXPECT_NE(domid("web1"), before);
    EXPECT_EQ(guests(), 1u);
    hypervisor.print(domid("web1"), "two");
    process->settle();
    process->run_until([&] { return log("web1") == "one two"; });
}

// It may have taken the first request when it could not do anything about it.
TEST_F(Ending, WhoAsksAgainIsHeardAndBringsItsOwnDeadline) {
    process->finish(create(definition("web1")));
    const std::uint16_t id = domid("web1");
    const auto first = process->manager->shutdown("web1", 300);
    process->run_until([&] { return request(id) == "poweroff"; });
    ASSERT_TRUE(process->store->write(domain_path(id) + "/control/shutdown", ""));
    EXPECT_EQ(process->manager->shutdown("web1", 300).value_or(0), *first);
    EXPECT_EQ(request(id), "poweroff");
    ASSERT_TRUE(process->store->write(domain_path(id) + "/control/shutdown", ""));
    const auto host = process->manager->stop_all(300);
    process->run_until([&] { return request(id) == "poweroff"; });
    ASSERT_TRUE(process->manager->jobs().cancel(*host));
    process->run_until([&] { return process->manager->jobs().find(*host) == nullptr; });
    EXPECT_EQ(process->manager->shutdown("web1", 1).value_or(0), *first);
    EXPECT_EQ(process->finish(first).error, static_cast<std::uint16_t>(ErrorId::DeadlinePassed));
    EXPECT_EQ(request(id), "");  // asked a last time, and not acted upon later
}

TEST_F(Ending, SilentGuestIsReported) {
    process->finish(create(definition("web1")));
    const JobRecord record = process->finish(process->manager->shutdown("web1", 1));
    EXPECT_EQ(record.state, JobState::Failed);
    EXPECT_EQ(record.error, static_cast<std::uint16_t>(ErrorId::GuestSilent)) << record.message;
    EXPECT_EQ(request(domid("web1")), "");  // not acted upon later, when it would be a surprise
    EXPECT_EQ(view("web1").state, "running");
}

TEST_F(Ending, GuestThatHangsInItsShutdownIsADeadline) {
    process->finish(create(definition("web1")));
    const auto job = process->manager->shutdown("web1", 1);
    process->run_until([&] { return request(domid("web1")) == "poweroff"; });
    ASSERT_TRUE(process->store->write(domain_path(domid("web1")) + "/control/shutdown", ""));
    EXPECT_EQ(process->finish(job).error, static_cast<std::uint16_t>(ErrorId::DeadlinePassed));
}

// The time that a caller gives is the guest's, to stop; what comes then may take longer.
TEST_F(Ending, ADeadlineThatPassesWhileTheGuestIsStartedAgainEndsNothing) {
    process->finish(create(definition("web1")));
    const auto job = process->manager->reboot("web1", 1);
    process->run_until([&] { return request(domid("web1")) == "reboot"; });
    std::atomic<bool> building = false;
    std::atomic<bool> go_on = false;
    hypervisor.build_hook = [&] {
        building = true;
        while (!go_on) std::this_thread::yield();
    };
    obey(domid("web1"));
    process->run_until([&] { return building.load(); });
    const std::uint64_t passed = monotonic_us() + 1'100'000;
    while (monotonic_us() < passed) process->loop->run_once(false);
    go_on = true;
    const JobRecord record = process->finish(job);
    EXPECT_EQ(record.state, JobState::Done) << record.message;
    EXPECT_EQ(view("web1").state, "running");
}

// The job that asked for its end is over before the guest is. The guest ends all the same, and another job cleans it
// up.
TEST_F(Ending, AGuestThatEndsAsItsJobIsCalledOffIsCleanedUp) {
    process->finish(create(definition("web1")));
    const auto job = process->manager->shutdown("web1", 300);
    process->run_until([&] { return request(domid("web1")) == "poweroff"; });
    for (int i = 0; i < 5; ++i) process->loop->run_once(false);
    ASSERT_TRUE(process->manager->jobs().cancel(*job));
    obey(domid("web1"));
    EXPECT_EQ(process->finish(job).state, JobState::Cancelled);
    process->run_until([&] { return guests() == 0 && process->manager->jobs().idle(); });
    EXPECT_EQ(view("web1").state, "stopped");
}

TEST_F(Ending, AGuestThatRebootsAsItsJobIsCalledOffIsStartedAgain) {
    process->finish(create(definition("web1")));
    const std::uint16_t before = domid("web1");
    const auto job = process->manager->reboot("web1", 300);
    process->run_until([&] { return request(before) == "reboot"; });
    for (int i = 0; i < 5; ++i) process->loop->run_once(false);
    obey(before);
    process->run_until([&] { return view("web1").shutdown_reason == "reboot"; });
    (void)process->manager->jobs().cancel(*job);
    process->settle();
    process->run_until([&] { return view("web1").state == "running" && domid("web1") != before; });
}

TEST_F(Ending, DestroyPreemptsAWaitingShutdown) {
    process->finish(create(definition("web1")));
    const auto job = process->manager->shutdown("web1", 300);
    process->run_until([&] { return request(domid("web1")) == "poweroff"; });
    for (int i = 0; i < 5; ++i) process->loop->run_once(false);
    const auto destroy = process->manager->destroy("web1");
    EXPECT_EQ(process->finish(destroy).state, JobState::Done);
    EXPECT_EQ(process->finish(job).state, JobState::Cancelled);
    EXPECT_EQ(view("web1").state, "stopped");
    EXPECT_EQ(guests(), 0u);
}

TEST_F(Ending, PausedGuestCannotBeAsked) {
    process->finish(create(definition("web1"), {.paused = true}));
    EXPECT_EQ(process->manager->shutdown("web1", 10).error().id(), ErrorId::WrongState);
}

TEST_F(Ending, PoweroffFromWithinEndsTheRun) {
    process->finish(create(definition("web1")));
    stop_and_settle(abi::ShutdownReason::Poweroff);
    EXPECT_EQ(view("web1").state, "stopped");
    EXPECT_EQ(view("web1").shutdown_reason, "poweroff");
    EXPECT_EQ(guests(), 0u);
}

TEST_F(Ending, RebootFromWithinRestarts) {
    process->finish(create(definition("web1")));
    const std::uint16_t before = domid("web1");
    stop_and_settle(abi::ShutdownReason::Reboot);
    EXPECT_EQ(view("web1").state, "running");
    EXPECT_NE(domid("web1"), before);
}

TEST_F(Ending, ARestartThatFailsForAMomentIsTriedAgain) {
    process->finish(create(definition("web1"), {.ephemeral = true}));
    const std::uint16_t before = domid("web1");
    int left = 1;
    hypervisor.fail_at = [&](const std::string& call) -> hvctl::Result<void> {
        if (call == "set_claim" && left-- > 0) return hvctl::fail(hvctl::ErrorCode::NoMemory, "somebody else has it");
        return {};
    };
    hypervisor.stop(before, abi::ShutdownReason::Reboot);
    process->run_until([&] { return left < 0; });
    process->settle();
    EXPECT_EQ(view("web1").state, "running");
    EXPECT_NE(domid("web1"), before);
    hypervisor.fail_at = nullptr;
}

TEST_F(Ending, ARestartThatWaitsForWhatItNeedsCanBeEnded) {
    process->finish(create(definition("web1")));
    hypervisor.fail_at = [](const std::string& call) -> hvctl::Result<void> {
        if (call == "set_claim") return hvctl::fail(hvctl::ErrorCode::NoMemory, "somebody else has it");
        return {};
    };
    hypervisor.stop(domid("web1"), abi::ShutdownReason::Reboot);
    process->run_until([&] {
        const auto jobs = process->manager->jobs().list();
        return jobs.size() == 3 && jobs.back().phase == JobPhase::BackOff;
    });
    EXPECT_EQ(process->finish(process->manager->destroy("web1")).state, JobState::Done);
    process->settle();
    EXPECT_EQ(view("web1").state, "stopped");
    hypervisor.fail_at = nullptr;
}

TEST_F(Ending, PreservedCrashStaysForInspection) {
    process->finish(create(definition("web1", "on_crash: preserve\n")));
    stop_and_settle(abi::ShutdownReason::Crash);
    EXPECT_EQ(view("web1").state, "crashed");
    EXPECT_EQ(view("web1").shutdown_reason, "crash");
    EXPECT_EQ(guests(), 1u);
    EXPECT_EQ(process->finish(process->manager->destroy("web1")).state, JobState::Done);
    EXPECT_EQ(guests(), 0u);
}

TEST_F(Ending, CrashLoopIsGivenUp) {
    process->finish(create(definition("web1", "restart: {max: 1, window: 1h}\n")));
    stop_and_settle(abi::ShutdownReason::Crash);
    EXPECT_EQ(view("web1").state, "running");
    stop_and_settle(abi::ShutdownReason::Crash);
    EXPECT_EQ(view("web1").state, "crashloop");
    EXPECT_FALSE(view("web1").domid);
    EXPECT_EQ(view("web1").shutdown_reason, "crash");
    EXPECT_NE(view("web1").ended_us, 0u);
    EXPECT_EQ(guests(), 0u);
    restart();
    EXPECT_EQ(view("web1").state, "crashloop");
    process->finish(process->manager->start("web1", false));
    EXPECT_EQ(view("web1").state, "running");
    process->finish(process->manager->destroy("web1"));
    EXPECT_EQ(view("web1").state, "stopped");
}

TEST_F(Ending, RebootsAreNoCrashes) {
    process->finish(create(definition("web1", "restart: {max: 1, window: 1h}\n")));
    for (int i = 0; i < 2; ++i) stop_and_settle(abi::ShutdownReason::Reboot);
    stop_and_settle(abi::ShutdownReason::Crash);
    EXPECT_EQ(view("web1").state, "running");
    stop_and_settle(abi::ShutdownReason::Crash);
    EXPECT_EQ(view("web1").state, "crashloop");
}

TEST_F(Ending, DomainThatVanishesIsNoticed) {
    process->finish(create(definition("web1")));
    const std::uint16_t id = domid("web1");
    hypervisor.domains.erase(id);
    hypervisor.stop(0, abi::ShutdownReason::Poweroff);  // any domain exception makes the daemon look
    hypervisor.domains.at(0).info.flags &= ~std::uint32_t{abi::kDomainShutdown};
    process->run_until([&] { return view("web1").state == "stopped"; });
    process->settle();
    EXPECT_EQ(view("web1").shutdown_reason, "gone");
}

TEST_F(Ending, GuestThatEndsWhileItIsBuiltIsNoticedAfterwards) {
    hypervisor.on_unpause = [&](FakeDomain& domain) {
        domain.info.flags |= abi::kDomainShutdown;  // at once, and the event was lost on the way
        domain.info.shutdown_reason = static_cast<std::uint32_t>(abi::ShutdownReason::Poweroff);
    };
    process->finish(create(definition("web1")));
    process->run_until([&] { return view("web1").state == "stopped"; });
    process->settle();
    EXPECT_EQ(guests(), 0u);
}

}  // namespace
}  // namespace hvctld::test
