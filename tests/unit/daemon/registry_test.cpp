#include "registry/registry.hpp"

#include "testing.hpp"

namespace hvctld::test {
namespace {

DomainRecord sample(const std::string& name) {
    DomainRecord record;
    record.name = name;
    record.uuid = "uuid of " + name;
    record.source = "web1.yaml";
    record.definition = "{}";
    record.ephemeral = true;
    record.phase = DomainPhase::Running;
    record.wanted = true;
    record.instance = {7, 0xffff'ffff'ffff'fff0, 3, 1001, 4};
    record.created_us = 1;
    record.started_us = 2;
    record.ended_us = 3;
    record.end_reason = EndReason::Crash;
    record.restarts = 4;
    record.window_us = 5;
    return record;
}

TEST(Registry, KeepsEveryFieldAcrossProcesses) {
    const TemporaryFolder folder;
    {
        const auto registry = Registry::open(folder / "state.db");
        ASSERT_TRUE(registry) << registry.error().text();
        ASSERT_TRUE((*registry)->save(sample("b")));
        ASSERT_TRUE((*registry)->save(sample("a")));
        ASSERT_TRUE((*registry)->set_fact("boot", "x"));
    }
    const auto registry = Registry::open(folder / "state.db");
    ASSERT_TRUE(registry);
    const auto domains = (*registry)->domains();
    ASSERT_TRUE(domains);
    ASSERT_EQ(domains->size(), 2u);
    const DomainRecord& record = domains->front();
    EXPECT_EQ(record.name, "a");
    EXPECT_EQ(record.uuid, "uuid of a");
    EXPECT_EQ(record.source, "web1.yaml");
    EXPECT_TRUE(record.ephemeral);
    EXPECT_EQ(record.phase, DomainPhase::Running);
    EXPECT_TRUE(record.wanted);
    EXPECT_EQ(record.instance.domid, 7);
    EXPECT_EQ(record.instance.store_mfn, 0xffff'ffff'ffff'fff0u);
    EXPECT_EQ(record.instance.store_port, 3u);
    EXPECT_EQ(record.instance.console_mfn, 1001u);
    EXPECT_EQ(record.instance.console_port, 4u);
    EXPECT_EQ(record.started_us, 2u);
    EXPECT_EQ(record.end_reason, EndReason::Crash);
    EXPECT_EQ(record.restarts, 4u);
    EXPECT_EQ((*registry)->fact("boot"), "x");
    EXPECT_EQ((*registry)->fact("none"), "");
}

TEST(Registry, CountsRevisionsOfADefinition) {
    const auto registry = Registry::open(":memory:");
    DomainRecord record = sample("a");
    ASSERT_TRUE((*registry)->save(record));
    ASSERT_TRUE((*registry)->save(record));
    EXPECT_EQ((*registry)->revisions("a").value().size(), 1u);
    record.definition = "{\"memory\": 1}";
    record.draft = true;  // has not proven itself
    ASSERT_TRUE((*registry)->save(record));
    EXPECT_EQ((*registry)->revisions("a").value().size(), 1u);
    record.draft = false;
    ASSERT_TRUE((*registry)->save(record));
    EXPECT_EQ((*registry)->revisions("a").value().size(), 2u);
    EXPECT_EQ((*registry)->revisions("a").value().front().definition, record.definition);
    for (int i = 0; i < 30; ++i) {
        record.definition = std::to_string(i);
        ASSERT_TRUE((*registry)->save(record));
    }
    EXPECT_EQ((*registry)->revisions("a").value().size(), Registry::kRevisionsKept);
    ASSERT_TRUE((*registry)->forget("a"));
    EXPECT_TRUE((*registry)->revisions("a").value().empty());
}

TEST(Registry, RefusesAUuidTwice) {
    const auto registry = Registry::open(":memory:");
    DomainRecord record = sample("a");
    ASSERT_TRUE((*registry)->save(record));
    record.name = "b";
    EXPECT_FALSE((*registry)->save(record));
    EXPECT_EQ((*registry)->domains().value().size(), 1u);
}

TEST(Registry, JobsAreNumberedAndTrimmed) {
    const auto registry = Registry::open(":memory:");
    for (int i = 0; i < 5; ++i) {
        JobRecord job;
        job.verb = Verb::Create;
        job.domain = "a";
        ASSERT_TRUE((*registry)->add(job));
        EXPECT_EQ(job.id, static_cast<JobId>(i + 1));
        job.state = i == 0 ? JobState::Running : JobState::Failed;
        job.error = 204;
        job.message = "because";
        ASSERT_TRUE((*registry)->save(job));
    }
    ASSERT_TRUE((*registry)->trim_jobs(2));
    const auto& jobs = (*registry)->jobs();
    ASSERT_EQ(jobs.size(), 3u);
    EXPECT_EQ(jobs.at(1).state, JobState::Running);  // what has not ended is never forgotten
    EXPECT_EQ(jobs.at(5).message, "because");
}

TEST(Registry, ARecordThatIsRefusedHoldsUpNoOther) {
    const TemporaryFolder folder;
    const auto registry = Registry::open(folder / "state.db");
    ASSERT_TRUE((*registry)->save(sample("a")));
    DomainRecord twin = sample("a");
    twin.name = "b";
    EXPECT_FALSE((*registry)->save(twin));
    EXPECT_FALSE((*registry)->save(sample("c")));  // told, but written
    EXPECT_EQ((*registry)->domains().value().size(), 2u);
    ASSERT_TRUE((*registry)->forget("a"));  // and now there is room for the twin
    EXPECT_EQ((*registry)->waiting(), 0u);
    EXPECT_FALSE((*registry)->trouble());
    EXPECT_EQ((*registry)->domains().value().size(), 2u);
}

// A transaction of another process: the registry never waits for it, and has everything once it is over.
TEST(Registry, DoesNotWaitForALock) {
    const TemporaryFolder folder;
    const auto registry = Registry::open(folder / "state.db");
    const auto other = Database::open(folder / "state.db");
    ASSERT_TRUE((*other)->execute("BEGIN IMMEDIATE"));
    const auto saved = (*registry)->save(sample("a"));
    ASSERT_FALSE(saved);
    EXPECT_EQ(saved.error().id(), ErrorId::Busy);
    JobRecord job;
    job.verb = Verb::Destroy;
    EXPECT_FALSE((*registry)->add(job));
    EXPECT_EQ(job.id, 1u);
    EXPECT_EQ((*registry)->jobs().at(1).verb, Verb::Destroy);
    ASSERT_TRUE((*other)->execute("COMMIT"));
    EXPECT_TRUE((*registry)->flush());
    EXPECT_EQ((*registry)->domains().value().size(), 1u);
    const auto next = Registry::open(folder / "state.db");
    EXPECT_EQ((*next)->jobs().size(), 1u);
    JobRecord later;
    ASSERT_TRUE((*next)->add(later));
    EXPECT_EQ(later.id, 2u);
}

TEST(Registry, RefusesANewerSchema) {
    const TemporaryFolder folder;
    {
        const auto database = Database::open(folder / "state.db");
        ASSERT_TRUE(database);
        ASSERT_TRUE((*database)->execute("PRAGMA user_version=1000"));
    }
    const auto registry = Registry::open(folder / "state.db");
    ASSERT_FALSE(registry);
    EXPECT_NE(registry.error().text().find("schema 1000"), std::string::npos);
}

// What a newer hvctld does with such a domain is not known here, so that nothing is done with any.
TEST(Registry, RefusesAPhaseOfADomainThatItDoesNotKnow) {
    for (const int number : {4, 255, 256, -1}) {
        const TemporaryFolder folder;
        ASSERT_TRUE(Registry::open(folder / "state.db").value()->save(sample("web1")));
        const std::string change = "UPDATE domains SET phase = " + std::to_string(number);
        ASSERT_TRUE(Database::open(folder / "state.db").value()->execute(change.c_str()));
        const auto registry = Registry::open(folder / "state.db");
        ASSERT_FALSE(registry);
        EXPECT_EQ(registry.error().id(), ErrorId::NotSupported);
        EXPECT_NE(registry.error().text().find("web1 in phase " + std::to_string(number)), std::string::npos);
    }
}

TEST(Registry, LeavesJobsAloneWhoseStateItDoesNotKnow) {
    const TemporaryFolder folder;
    {
        const auto registry = Registry::open(folder / "state.db");
        for (int i = 0; i < 2; ++i) {
            JobRecord job;
            ASSERT_TRUE((*registry)->add(job));
        }
    }
    ASSERT_TRUE(Database::open(folder / "state.db").value()->execute("UPDATE jobs SET state = 9 WHERE id = 1"));
    const auto registry = Registry::open(folder / "state.db");
    ASSERT_TRUE(registry);
    EXPECT_FALSE((*registry)->jobs().contains(1));
    EXPECT_TRUE((*registry)->jobs().contains(2));
}

TEST(Registry, SaysWhichFileIsNoDatabase) {
    const TemporaryFolder folder;
    const std::string path = folder.file("state.db", std::string(5000, 'x'));
    const auto registry = Registry::open(path);
    ASSERT_FALSE(registry);
    EXPECT_NE(registry.error().text().find(path), std::string::npos);
}

}  // namespace
}  // namespace hvctld::test
