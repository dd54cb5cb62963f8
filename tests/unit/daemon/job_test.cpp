#include "domain/job_queue.hpp"

#include <new>
#include <stdexcept>
#include <thread>

#include "testing.hpp"

namespace hvctld::test {
namespace {

class JobTest : public testing::Test {
  protected:
    JobTest() : registry{std::move(Registry::open(":memory:").value())}, jobs{loop, *registry} {}

    Job& add(std::uint64_t deadline_us = 0) {
        JobRecord record;
        record.verb = Verb::Create;
        record.domain = "web1";
        record.deadline_us = deadline_us;
        return jobs.add(record, [this](const JobRecord& over) { result = over; });
    }
    Phase phase(const std::string& name, bool good = true) {
        return {name == "c" ? JobPhase::Configure : JobPhase::Create, 0,
                immediate([this, name, good](Job& job) -> Result<void> {
                    steps += name + " ";
                    job.on_failure([this, name](Job&, const Done& done) {
                        steps += "undo-" + name + " ";
                        done({});
                    });
                    if (good) return {};
                    return fail(ErrorId::NoMemory, "too little");
                })};
    }
    void run() {
        while (!jobs.idle()) loop.run_once();
        loop.run_once(false);
    }

    Loop loop;
    std::unique_ptr<Registry> registry;
    JobQueue jobs;
    std::string steps;
    JobRecord result;
};

TEST_F(JobTest, RunsItsPhasesInOrder) {
    Job& job = add();
    job.add(phase("a"));
    job.add(phase("b"));
    job.start();
    run();
    EXPECT_EQ(steps, "a b ");
    EXPECT_EQ(result.state, JobState::Done);
    EXPECT_EQ(result.percent, 100u);
    EXPECT_EQ(jobs.list().back().state, JobState::Done);
}

TEST_F(JobTest, UndoesInReverse) {
    Job& job = add();
    job.add(phase("a"));
    job.add(phase("b"));
    job.add(phase("c", false));
    job.add(phase("d"));
    job.start();
    run();
    EXPECT_EQ(steps, "a b c undo-c undo-b undo-a ");
    EXPECT_EQ(result.state, JobState::Failed);
    EXPECT_EQ(result.error, 301);
    EXPECT_EQ(result.phase, JobPhase::Configure);
}

TEST_F(JobTest, PoolPhasesRunAsideAndReturn) {
    Job& job = add();
    const auto here = std::this_thread::get_id();
    std::thread::id there;
    job.add({JobPhase::Build, 0, in_pool([&](Job& running) -> Result<void> {
                 there = std::this_thread::get_id();
                 running.report_percent(50);
                 return {};
             })});
    job.start();
    run();
    EXPECT_TRUE(there != here);
    EXPECT_EQ(result.state, JobState::Done);
}

TEST_F(JobTest, DeadlineEndsAWait) {
    Job& job = add(monotonic_us() + 1000);
    job.add(phase("a"));
    job.add({JobPhase::BackOff, 0, [](Job& running, const Done& done) {
                 running.on_interrupt([done](Error& why) { done(std::unexpected(why)); });
             }});
    job.start();
    run();
    EXPECT_EQ(result.error, static_cast<std::uint16_t>(ErrorId::DeadlinePassed));
    EXPECT_EQ(steps, "a undo-a ");
}

TEST_F(JobTest, CancelIsSeenBetweenPhases) {
    Job& job = add();
    const JobId id = job.id();
    job.add({JobPhase::Create, 0, immediate([&](Job&) {
                 EXPECT_TRUE(jobs.cancel(id));
                 return Result<void>{};
             })});
    job.add(phase("never"));
    job.start();
    run();
    EXPECT_EQ(result.state, JobState::Cancelled);
    EXPECT_EQ(steps, "");
    EXPECT_EQ(jobs.cancel(id).error().id(), ErrorId::WrongState);
    EXPECT_EQ(jobs.cancel(99).error().id(), ErrorId::NoSuchJob);
}

TEST_F(JobTest, InterruptAndEventAtOnceCountOnce) {
    Job& job = add();
    Done end;
    job.add({JobPhase::BackOff, 0, [&](Job& running, const Done& done) {
                 end = done;
                 running.on_interrupt([done](Error& why) { done(std::unexpected(why)); });
             }});
    job.add(phase("after"));
    job.start();
    end({});
    job.interrupt({ErrorId::Cancelled, "stop"});
    run();
    EXPECT_EQ(result.state, JobState::Cancelled);
}

// Of memory that is not there, or of a library's: an error of the job's, wherever the
// phase runs, and no end of the daemon.
TEST_F(JobTest, APhaseThatThrowsHasFailed) {
    struct Odd {};
    const std::vector<std::pair<std::function<void()>, ErrorId>> kinds{
        {[] { throw std::bad_alloc{}; }, ErrorId::NoMemory},
        {[] { throw std::runtime_error{"a library's"}; }, ErrorId::Internal},
        {[] { throw Odd{}; }, ErrorId::Internal}};
    for (const auto& [blow, id] : kinds) {
        steps.clear();
        Job& job = add();
        job.add(phase("a"));
        job.add({JobPhase::Build, 0, in_pool([&](Job&) -> Result<void> {
                     blow();
                     return {};
                 })});
        job.add(phase("never"));
        job.start();
        run();
        EXPECT_EQ(steps, "a undo-a ");
        EXPECT_EQ(result.state, JobState::Failed);
        EXPECT_EQ(result.error, static_cast<std::uint16_t>(id)) << result.message;
    }
    steps.clear();
    Job& job = add();
    job.add(phase("a"));
    job.add({JobPhase::Build, 0, immediate([](Job& running) -> Result<void> {
                 running.on_failure([](Job&, const Done&) { throw std::runtime_error{"and again"}; });
                 throw std::bad_alloc{};
             })});
    job.start();
    run();
    EXPECT_EQ(steps, "a undo-a ");
    EXPECT_EQ(result.error, static_cast<std::uint16_t>(ErrorId::NoMemory)) << result.message;
}

TEST_F(JobTest, WaitersAreToldOnceAndLateOnesAtOnce) {
    Job& job = add();
    job.add(phase("a"));
    int told = 0;
    const auto handle = jobs.wait(job.id(), [&](const JobRecord&) { ++told; });
    const auto dropped = jobs.wait(job.id(), [&](const JobRecord&) { told += 100; });
    jobs.stop_waiting(*dropped);
    const JobId id = job.id();
    job.start();
    run();
    EXPECT_TRUE(handle);
    EXPECT_EQ(told, 1);
    EXPECT_TRUE(jobs.wait(id, [&](const JobRecord& record) {
        ++told;
        EXPECT_EQ(record.state, JobState::Done);
    }));
    EXPECT_EQ(told, 2);
    EXPECT_EQ(jobs.wait(99, [](const JobRecord&) {}).error().id(), ErrorId::NoSuchJob);
}

}  // namespace
}  // namespace hvctld::test
