#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "console_testing.hpp"

namespace hvctld::test {
namespace {

TEST_F(ConsoleTest, LogsWithoutAnybodyAttached) {
    hypervisor.print(1, "first ");  // before the daemon has bound the port
    attach();
    turn();
    hypervisor.print(1, "second\n");
    turn();
    EXPECT_EQ(log_text(), "first second\n");
}

TEST_F(ConsoleTest, ReplaysWhatWasMissedThenGoesOnLive) {
    attach();
    hypervisor.print(1, "boot\n");
    turn();
    const UniqueFd all = open(ConsoleMode::Read);
    const UniqueFd tail = open(ConsoleMode::Read, 3);
    EXPECT_EQ(received(all), "boot\n");
    EXPECT_EQ(received(tail), "ot\n");
    hypervisor.print(1, "live\n");
    EXPECT_EQ(received(all), "live\n");
    EXPECT_EQ(received(tail), "live\n");
}

// A file system without room for one more file: what does not fit is dropped, and the log goes on when there is room.
TEST_F(ConsoleTest, ALogThatCannotBeRotatedDoesNotGrow) {
    settings.log_size = 1000;
    make();
    attach();
    const std::string blocked = folder / "log/web1.log.new";
    std::filesystem::create_directory(blocked);
    for (int i = 0; i < 10; ++i) {
        hypervisor.print(1, std::string(500, 'x'));
        turn();
    }
    EXPECT_EQ(log_text().size(), 1000u);
    EXPECT_FALSE(std::filesystem::exists(folder / "log/web1.log.1"));
    EXPECT_GT(console->dropped(), 0u);
    std::filesystem::remove(blocked);
    hypervisor.print(1, "room again");
    turn();
    EXPECT_TRUE(log_text().ends_with("room again")) << log_text();
    EXPECT_EQ(std::filesystem::file_size(folder / "log/web1.log.1"), 1000u);
}

TEST_F(ConsoleTest, ALogThatSomebodyRemovesIsBegunAnew) {
    attach();
    const UniqueFd attached = open(ConsoleMode::Read);
    hypervisor.print(1, "before");
    EXPECT_EQ(received(attached), "before");
    std::filesystem::remove(folder / "log/web1.log");
    const UniqueFd reader = open(ConsoleMode::Read);
    hypervisor.print(1, "after");
    EXPECT_EQ(received(reader), "after");
    EXPECT_EQ(received(attached), "after");
    EXPECT_EQ(log_text(), "after");
}

TEST_F(ConsoleTest, WhatIsNoFileIsNoLog) {
    const std::string path = folder / "log/web1.log";
    console.reset();
    std::filesystem::remove(path);
    ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
    make();
    EXPECT_FALSE(prepare(false));  // and waits for no reader
    std::filesystem::remove(path);
    std::filesystem::create_symlink("/dev/null", path);
    make();
    EXPECT_FALSE(prepare(false));
}

TEST_F(ConsoleTest, OneWriterManyReaders) {
    attach();
    const UniqueFd writer = open(ConsoleMode::Write);
    const UniqueFd reader = open(ConsoleMode::Read);
    const auto second = ask(ConsoleMode::Write, 0);
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().id(), ErrorId::Busy);
    ASSERT_EQ(send(writer.get(), "ls\n", 3, 0), 3);
    ASSERT_EQ(send(reader.get(), "no\n", 3, 0), 3);
    turn();
    EXPECT_EQ(hypervisor.domains.at(1).typed, "ls\n");

    const UniqueFd thief = open(ConsoleMode::Steal, 0);
    EXPECT_NE(received(writer).find("another client has taken the keyboard"), std::string::npos);
    ASSERT_EQ(send(writer.get(), "x", 1, 0), 1);
    ASSERT_EQ(send(thief.get(), "y", 1, 0), 1);
    turn();
    EXPECT_EQ(hypervisor.domains.at(1).typed, "ls\ny");
}

TEST_F(ConsoleTest, TooManyClientsAreToldSo) {
    attach();
    std::vector<UniqueFd> clients;
    auto opened = ask(ConsoleMode::Read, 0);
    for (; opened && clients.size() < 1000; opened = ask(ConsoleMode::Read, 0)) clients.push_back(std::move(*opened));
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().id(), ErrorId::LimitReached);
    EXPECT_NE(opened.error().message().find("64 clients"), std::string::npos) << opened.error().message();
    clients.pop_back();
    turn();
    EXPECT_TRUE(ask(ConsoleMode::Read, 0));
}

TEST_F(ConsoleTest, WriterThatLeavesMakesRoomForTheNext) {
    attach();
    { const UniqueFd writer = open(ConsoleMode::Write); }
    turn();
    EXPECT_EQ(console->sessions(), 0u);
    EXPECT_TRUE(ask(ConsoleMode::Write, 0));
}

TEST_F(ConsoleTest, GuestThatDoesNotReadHoldsItsWriterBack) {
    attach();
    const UniqueFd writer = open(ConsoleMode::Write);
    page().input_consumer = 0;
    page().input_producer = 0;
    hypervisor.domains.at(1).rings.console_port = EventPort{99};  // notifications get nowhere
    hypervisor.on_notify = nullptr;
    const std::string much(5000, 'k');
    ASSERT_EQ(send(writer.get(), much.data(), much.size(), MSG_DONTWAIT), 5000);
    turn(50);
    // The fake takes input at each notification: all of it came through in ring-sized pieces, in order.
    EXPECT_EQ(hypervisor.domains.at(1).typed, much);
}

TEST_F(ConsoleTest, SlowReaderBlocksNobody) {
    attach();
    const UniqueFd slow = open(ConsoleMode::Read);
    std::string all;
    for (int i = 0; i < 400; ++i) {
        const std::string line(1000, static_cast<char>('a' + i % 26));
        hypervisor.print(1, line);
        all += line;
        turn(3);
    }
    EXPECT_EQ(log_text().size(), all.size());
    EXPECT_EQ(page().output_producer, page().output_consumer);
    EXPECT_EQ(received(slow), all);
}

TEST_F(ConsoleTest, HostileIndexesAreBounded) {
    attach();
    page().output_producer = page().output_consumer + kConsoleOutputSize + 1;
    hypervisor.signal(1, kGuestPort);
    turn();
    EXPECT_EQ(log_text(), "");
    page().output_consumer = 12345;  // the daemon's own index, overwritten by the guest
    hypervisor.signal(1, kGuestPort);
    turn();
    page().output_producer += 5;
    hypervisor.signal(1, kGuestPort);
    turn();
    EXPECT_EQ(log_text().size(), 5u);
    const UniqueFd writer = open(ConsoleMode::Write);
    page().input_consumer = page().input_producer + 7;  // "more consumed than produced"
    ASSERT_EQ(send(writer.get(), "x", 1, 0), 1);
    turn();
    EXPECT_EQ(hypervisor.domains.at(1).typed, "");
}

TEST_F(ConsoleTest, RotatesAndKeepsReadersGoing) {
    settings.log_size = 64 * 1024;
    make();
    attach();
    const UniqueFd reader = open(ConsoleMode::Read);
    std::string all;
    for (int i = 0; i < 100; ++i) {
        const std::string line(1000, static_cast<char>('a' + i % 26));
        hypervisor.print(1, line);
        all += line;
        turn(3);
    }
    EXPECT_EQ(received(reader), all);
    EXPECT_TRUE(std::filesystem::exists(folder / "log/web1.log.1"));
    EXPECT_LE(log_text().size(), 64u * 1024 + 2048);
    // One run in two files is one log for clients.
    const UniqueFd again = open(ConsoleMode::Read);
    EXPECT_EQ(received(again), all);
    const auto whole = ask_for_log();
    ASSERT_TRUE(whole);
    std::string text(all.size() + 1, '\0');
    EXPECT_EQ(::read(whole->get(), text.data(), text.size()), static_cast<ssize_t>(all.size()));
}

TEST_F(ConsoleTest, RateIsCappedAndDropsAreCounted) {
    settings.log_rate = 1000;
    settings.log_burst = 3000;
    make();
    attach();
    for (int i = 0; i < 10; ++i) {
        hypervisor.print(1, std::string(1000, 'x'));
        turn(3);
    }
    EXPECT_GE(console->dropped(), 5000u);
    EXPECT_EQ(page().output_producer, page().output_consumer);  // the guest is never held up
    EXPECT_LT(log_text().size(), 6000u);
}

TEST_F(ConsoleTest, FreshRunStartsAFreshLog) {
    attach();
    hypervisor.print(1, "old");
    turn();
    console->detach();
    ASSERT_TRUE(prepare(true));
    attach();
    hypervisor.print(1, "new");
    turn();
    EXPECT_EQ(log_text(), "new");
    const UniqueFd reader = open(ConsoleMode::Read);
    EXPECT_EQ(received(reader), "new");
}

TEST_F(ConsoleTest, SessionsEndAfterTheWholeLog) {
    attach();
    const UniqueFd reader = open(ConsoleMode::Read);
    hypervisor.print(1, "last words");
    console->detach();
    console->end_sessions();
    EXPECT_EQ(received(reader), "last words");
    EXPECT_TRUE(at_end(reader));
    const UniqueFd late = open(ConsoleMode::Write);
    EXPECT_EQ(received(late), "last words");
    EXPECT_TRUE(at_end(late));
    turn();
    EXPECT_EQ(console->sessions(), 0u);
}

// kill -9 between the append and the ring's consumer index: the next process must neither lose nor repeat.
class ConsoleKill : public ConsoleTest, public testing::WithParamInterface<std::uint32_t> {};

TEST_P(ConsoleKill, ContinuesAtTheVeryByte) {
    hypervisor.print(1, "0123456789");
    {
        auto journal = ConsoleJournal::open(folder / "journal/web1.journal");
        ASSERT_TRUE(journal);
        journal->begin(0, 0, 10);
        std::ofstream{folder / "log/web1.log", std::ios::binary} << std::string{"0123456789"}.substr(0, GetParam());
    }
    make();
    attach(true);
    turn();
    EXPECT_EQ(log_text(), "0123456789");
    hypervisor.print(1, "ab");
    turn();
    EXPECT_EQ(log_text(), "0123456789ab");
}

INSTANTIATE_TEST_SUITE_P(AfterSoManyBytes, ConsoleKill, testing::Values(0u, 1u, 9u, 10u));

}  // namespace
}  // namespace hvctld::test
