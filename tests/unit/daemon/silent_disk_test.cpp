// A disk that does not answer: the registry holds up no loop with it, guests end all the same, and everything is there
// when it answers again.
#include <atomic>
#include <chrono>
#include <future>
#include <thread>

#include "testing.hpp"

namespace hvctld::test {
namespace {

class SilentRegistry : public HostTest {
  protected:
    ~SilentRegistry() override { answer(); }

    void fall_silent() {
        silence_ = answer_.get_future().share();
        process->registry->before_write = [begun = silence_begun_, silence = silence_] {
            *begun = true;
            silence.wait();
            return Result<void>{};
        };
        (void)process->registry->set_fact("noticed", "yes");
        process->run_until([&] { return silence_begun_->load(); });
    }
    void answer() {
        if (!answered_) answer_.set_value();
        answered_ = true;
    }
    void wait_for_records() {
        process->run_until([&] { return process->registry->waiting() == 0; });
    }

  private:
    std::promise<void> answer_;
    std::shared_future<void> silence_;
    std::shared_ptr<std::atomic<bool>> silence_begun_ = std::make_shared<std::atomic<bool>>(false);
    bool answered_ = false;
};

TEST_F(SilentRegistry, GuestsAreListedAndEnded) {
    process->finish(create(definition("a")));
    process->finish(create(definition("b")));
    fall_silent();
    EXPECT_EQ(process->finish(process->manager->destroy("a")).state, JobState::Done);
    const auto shutdown = process->manager->shutdown("b", 300);
    hypervisor.stop(domid("b"), abi::ShutdownReason::Poweroff);
    EXPECT_EQ(process->finish(shutdown).state, JobState::Done);
    EXPECT_EQ(guests(), 0u);
    EXPECT_TRUE(process->manager->definition("a"));  // without the revisions, which cannot be read now
    EXPECT_TRUE(process->manager->health());
    answer();
    wait_for_records();
    restart();
    EXPECT_EQ(view("a").shutdown_reason, "destroyed");
    EXPECT_EQ(view("b").shutdown_reason, "poweroff");
    EXPECT_TRUE(process->manager->jobs().idle());
}

TEST_F(SilentRegistry, ACreateWaitsForIt) {
    process->finish(create(definition("a")));
    fall_silent();
    const auto job = create(definition("web1"));
    ASSERT_TRUE(job) << job.error().text();
    process->run_until([&] { return process->manager->jobs().list().back().phase == JobPhase::Remember; });
    EXPECT_EQ(guests(), 1u);
    answer();
    EXPECT_EQ(process->finish(job).state, JobState::Done);
    EXPECT_EQ(view("web1").state, "running");
}

TEST_F(SilentRegistry, IsToldWhenItLasts) {
    std::vector<std::string> told;
    process->manager->on_registry_trouble = [&] { told.push_back(process->manager->registry_trouble()); };
    fall_silent();
    EXPECT_TRUE(told.empty());  // it may be but slow
    process->run_until([&] { return !told.empty(); });
    EXPECT_NE(told.back().find("does not answer"), std::string::npos) << told.back();
    answer();
    process->run_until([&] { return told.size() == 2; });
    EXPECT_EQ(told.back(), "");
}

TEST_F(SilentRegistry, ADiskWithMuchToWriteIsNotSilent) {
    using namespace std::chrono_literals;
    std::vector<std::string> told;
    process->manager->on_registry_trouble = [&] { told.push_back(process->manager->registry_trouble()); };
    process->registry->before_write = [] {
        std::this_thread::sleep_for(300ms);
        return Result<void>{};
    };
    // There is always more to write, for longer than a disk may be silent.
    const auto end = std::chrono::steady_clock::now() + 2600ms;
    int count = 0;
    process->run_until([&] {
        for (int i = 0; i < 2; ++i) (void)process->registry->set_fact("count", std::to_string(++count));
        return std::chrono::steady_clock::now() > end;
    });
    wait_for_records();
    EXPECT_EQ(told, std::vector<std::string>{});
    EXPECT_EQ(process->registry->fact("count"), std::to_string(count));
}

TEST_F(SilentRegistry, WhatIsSavedMeanwhileIsWrittenAfterwards) {
    process->finish(create(definition("a")));
    fall_silent();
    for (int i = 0; i < 10; ++i) (void)process->registry->set_fact("count", std::to_string(i));
    process->finish(process->manager->destroy("a"));
    ASSERT_TRUE(process->manager->forget("a"));
    answer();
    wait_for_records();
    EXPECT_EQ(process->registry->waiting(), 0u);
    restart();
    EXPECT_EQ(process->registry->fact("count"), "9");
    EXPECT_FALSE(process->manager->get("a"));
}

}  // namespace
}  // namespace hvctld::test
