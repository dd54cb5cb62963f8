// A console whose log's disk does not answer.
#include <future>

#include "console_testing.hpp"

namespace hvctld::test {
namespace {

// A disk that does not answer until it is let.
class SilentDisk : public ConsoleTest {
  protected:
    ~SilentDisk() override { answer(); }
    void fall_silent() {
        disk.run(
            DiskThread::Wait::IfQuick, [silence = answer_.get_future().share()] { silence.wait(); },
            [](const Result<void>&) {});
    }
    void answer() {
        if (!answered_) answer_.set_value();
        answered_ = true;
    }
    void pass(int rounds = 20) {
        for (int i = 0; i < rounds; ++i) loop.run_once(false);
    }

  private:
    std::promise<void> answer_;
    bool answered_ = false;
};

TEST_F(SilentDisk, OutputStaysInTheRing) {
    attach();
    hypervisor.print(1, "before ");
    turn();
    const UniqueFd reader = open(ConsoleMode::Read);
    fall_silent();
    hypervisor.print(1, "mean");
    pass();
    hypervisor.print(1, "while ");
    pass();
    EXPECT_EQ(log_text(), "before ");
    EXPECT_EQ(page().output_producer - page().output_consumer, 10u);
    answer();
    turn();
    hypervisor.print(1, "after");
    turn();
    EXPECT_EQ(log_text(), "before meanwhile after");
    EXPECT_EQ(received(reader), "before meanwhile after");
    EXPECT_EQ(console->dropped(), 0u);
}

// On a busy machine a disk may be slow: a client that attaches waits for the answer.
TEST_F(SilentDisk, AClientIsLetInWhenItAnswers) {
    attach();
    hypervisor.print(1, "hello");
    turn();
    fall_silent();
    std::optional<Result<UniqueFd>> attached;
    std::optional<Result<UniqueFd>> log;
    console->open(ConsoleMode::Write, 100, [&](Result<UniqueFd> opened) { attached.emplace(std::move(opened)); });
    console->open_log([&](Result<UniqueFd> opened) { log.emplace(std::move(opened)); });
    pass();
    EXPECT_FALSE(attached);
    EXPECT_FALSE(log);
    answer();
    while (!attached || !log) loop.run_once();
    ASSERT_TRUE(*attached);
    EXPECT_EQ(received(**attached), "hello");
    EXPECT_TRUE(*log);
}

TEST_F(SilentDisk, AClientHearsThatItDoesNotAnswer) {
    attach();
    turn();
    fall_silent();
    const auto refused = ask(ConsoleMode::Read);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().id(), ErrorId::Io);  // no other client is in the way
    answer();
    turn();
    EXPECT_EQ(console->sessions(), 0u);
}

// Two ask for the keyboard while it is silent: one gets it.
TEST_F(SilentDisk, TheKeyboardIsStillOnes) {
    attach();
    turn();
    fall_silent();
    std::vector<Result<UniqueFd>> answers;
    for (int i = 0; i < 2; ++i)
        console->open(ConsoleMode::Write, 0, [&](Result<UniqueFd> opened) { answers.push_back(std::move(opened)); });
    answer();
    while (answers.size() < 2) loop.run_once();
    ASSERT_TRUE(answers[0]);
    ASSERT_FALSE(answers[1]);
    EXPECT_EQ(answers[1].error().id(), ErrorId::Busy);
}

// Its domain is forgotten before the disk answers: the client hears that, and nothing is left of it.
TEST_F(SilentDisk, AClientOfAConsoleThatGoes) {
    attach();
    turn();
    fall_silent();
    std::optional<Result<UniqueFd>> answered;
    console->open(ConsoleMode::Read, 0, [&](Result<UniqueFd> opened) { answered.emplace(std::move(opened)); });
    console.reset();
    answer();
    while (!answered) loop.run_once();
    EXPECT_FALSE(*answered);
}

// The answer to one client brings those before it, and what waited for them goes on all the same.
TEST_F(SilentDisk, SomebodyWhoAsksHoldsUpNobodyElse) {
    attach();
    turn();
    const UniqueFd reader = open(ConsoleMode::Read);
    fall_silent();
    hypervisor.print(1, "one ");
    pass();
    hypervisor.print(1, "two");
    pass();
    answer();
    const UniqueFd late = open(ConsoleMode::Read);
    turn();
    EXPECT_EQ(log_text(), "one two");
    EXPECT_EQ(received(reader), "one two");
    EXPECT_EQ(received(late), "one two");
}

TEST_F(SilentDisk, AGuestThatEndsHasItsLastWordsLogged) {
    attach();
    turn();
    fall_silent();
    hypervisor.print(1, "last ");
    pass();
    hypervisor.print(1, "words");
    console->detach();
    EXPECT_FALSE(console->attached());
    console->end_sessions();
    attach();  // it starts again
    hypervisor.print(1, ", and first");
    pass();
    answer();
    turn();
    EXPECT_EQ(log_text(), "last words, and first");
}

TEST_F(SilentDisk, AGuestThatWritesAndWritesGoesOn) {
    attach();
    turn();
    fall_silent();
    hypervisor.print(1, std::string(kConsoleOutputSize, 'x'));
    while (page().output_consumer != page().output_producer) loop.run_once();
    hypervisor.print(1, std::string(kConsoleOutputSize, 'y'));
    pass();
    EXPECT_EQ(page().output_consumer, page().output_producer);
    answer();
    turn();
    hypervisor.print(1, "after");
    turn();
    EXPECT_GE(console->dropped(), kConsoleOutputSize);
    EXPECT_NE(log_text().find("bytes dropped"), std::string::npos);
    EXPECT_TRUE(log_text().ends_with("after")) << log_text();
}

TEST_F(SilentDisk, ARunIsPreparedWhenItAnswers) {
    attach();
    hypervisor.print(1, "old");
    turn();
    console->detach();
    fall_silent();
    bool ready = false;
    console->prepare_run(true, [&](const Result<void>& outcome) { ready = outcome.has_value(); });
    pass();
    EXPECT_FALSE(ready);
    answer();
    while (!ready) loop.run_once();
    EXPECT_EQ(log_text(), "");
}

TEST_F(SilentDisk, AConsoleMayGoBeforeItAnswers) {
    attach();
    turn();
    fall_silent();
    hypervisor.print(1, "x");
    pass();
    console.reset();
    answer();
    pass();
}

}  // namespace
}  // namespace hvctld::test
