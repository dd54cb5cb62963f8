// rename-restart: the run that is over stays under a name of its own, and the guest has its next one.
#include "domain/store_entries.hpp"
#include "fake_block_host.hpp"
#include "testing.hpp"

namespace hvctld::test {
namespace {

class KeptRuns : public HostTest {
  protected:
    void start(const std::string& more = {}) {
        const std::string disk = folder.file("root.img", std::string(1 << 20, '\0'));
        const JobRecord job = process->finish(create(
            definition("web1", "on_crash: rename-restart\ndisks: [{target: xvda, path: " + disk + "}]\n" + more)));
        ASSERT_EQ(job.state, JobState::Done) << job.message;
    }
    void crash() {
        const std::uint16_t before = domid("web1");
        hypervisor.stop(before, abi::ShutdownReason::Crash);
        process->run_until([&] { return view("web1").state == "running" && domid("web1") != before; });
        process->settle();
    }
    // The names of what is kept, in their order.
    std::vector<std::string> kept() {
        std::vector<std::string> names;
        const auto views = process->manager->list().value();
        for (const DomainView& view : views) {
            if (view.name.starts_with("web1-")) names.push_back(view.name);
        }
        return names;
    }
    void expect_kept(std::uint16_t domid) {
        ASSERT_EQ(kept().size(), 1u);
        const DomainView old = view(kept().front());
        EXPECT_EQ(old.domid, domid);
        EXPECT_EQ(old.state, "crashed");
        EXPECT_NE(old.uuid, view("web1").uuid);
        EXPECT_EQ(old.cpu_reservation, 0u);
        EXPECT_EQ(view("web1").state, "running");
        EXPECT_EQ(guests(), 2u);
        EXPECT_TRUE(process->manager->disks(old.name)->empty());
        EXPECT_EQ(process->manager->disks("web1")->size(), 1u);
        EXPECT_EQ(process->store->read(domain_path(domid) + "/name").value_or(""), old.name);
    }
    void expect_freed() {
        EXPECT_EQ(process->finish(process->manager->destroy(kept().front())).state, JobState::Done);
        process->settle();
        EXPECT_TRUE(kept().empty());
        EXPECT_EQ(guests(), 1u);
        EXPECT_EQ(process->store->list("/local/domain")->size(), 2u);
        EXPECT_EQ(process->store->list("/vm")->size(), 1u);
    }
};

TEST_F(KeptRuns, StayUntilTheyAreDestroyed) {
    start("cpu_reservation: 50%\n");
    const std::uint16_t first = domid("web1");
    crash();
    expect_kept(first);
    restart();
    expect_kept(first);
    crash();
    EXPECT_EQ(kept().size(), 2u);
    EXPECT_EQ(process->finish(process->manager->destroy(kept().back())).state, JobState::Done);
    EXPECT_FALSE(process->manager->start(kept().front(), false)) << "it is over";
    expect_freed();
}

TEST_F(KeptRuns, EndWithTheHost) {
    start();
    crash();
    hypervisor.domains.erase(domid(kept().front()));
    hypervisor.domains.erase(domid("web1"));
    restart("boot-2");
    process->settle();
    EXPECT_TRUE(kept().empty());
    EXPECT_EQ(view("web1").state, "stopped");
}

TEST_F(KeptRuns, NoneOfAGuestThatIsGivenUp) {
    start("restart: {max: 1, window: 1h}\n");
    crash();
    hypervisor.stop(domid("web1"), abi::ShutdownReason::Crash);
    process->run_until([&] { return view("web1").state == "crashloop"; });
    process->settle();
    EXPECT_EQ(kept().size(), 1u);
    EXPECT_EQ(guests(), 1u);
}

TEST_F(KeptRuns, NoneOfAGuestThatHvDoesNotRename) {
    start();
    hypervisor.fail_at = [](const std::string& call) -> hvctl::Result<void> {
        if (call == "set_uuid") return hvctl::fail(hvctl::ErrorCode::NotSupported, "an older hv");
        return {};
    };
    crash();
    EXPECT_TRUE(kept().empty());
    EXPECT_EQ(guests(), 1u);
}

class KeptRunsKilled : public KeptRuns, public testing::WithParamInterface<std::pair<const char*, int>> {};

TEST_P(KeptRunsKilled, AreKeptAllTheSame) {
    start("restart: {max: 1, window: 1h}\n");
    const std::uint16_t first = domid("web1");
    hypervisor.fail_at = [left = GetParam().second](const std::string& call) mutable -> hvctl::Result<void> {
        if (call == GetParam().first && --left == 0) throw Killed{};
        return {};
    };
    EXPECT_THROW(crash(), Killed);
    abandon();
    process->run_until([&] { return view("web1").state == "running" && domid("web1") != first; });
    process->settle();
    expect_kept(first);
    expect_freed();
}

INSTANTIATE_TEST_SUITE_P(Calls, KeptRunsKilled,
                         testing::Values(std::pair{"set_uuid", 1}, std::pair{"set_sched_parameters", 1},
                                         std::pair{"create_domain", 1}, std::pair{"unpause_domain", 1}),
                         [](const auto& each) { return std::string{each.param.first}; });

// hv has the run as another's, and the registry's file took nothing of that.
TEST_F(KeptRuns, AreFoundThoughTheRegistryDoesNotKnowThem) {
    start();
    const std::uint16_t first = domid("web1");
    hypervisor.fail_at = [this](const std::string& call) -> hvctl::Result<void> {
        if (call == "set_uuid")
            process->registry->before_write = [] {
                return Result<void>{fail(ErrorId::Io, "database or disk is full")};
            };
        if (call == "set_sched_parameters") throw Killed{};
        return {};
    };
    EXPECT_THROW(crash(), Killed);
    abandon();
    process->run_until([&] { return view("web1").state == "running" && domid("web1") != first; });
    process->settle();
    expect_kept(first);
    expect_freed();
}

}  // namespace
}  // namespace hvctld::test
