// The ledger of what domains were promised and what they got.
#include <gtest/gtest.h>

#include <chrono>
#include <fstream>
#include <thread>

#include "base/clock.hpp"
#include "testing.hpp"

namespace hvctld::test {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;

LedgerEntry entry(const std::string& name, std::uint64_t hour, std::uint64_t delivered) {
    LedgerEntry made{"uuid-of-" + name, name, hour, {}};
    made.sums.delivered = delivered;
    made.sums.sent_bytes = 1;
    return made;
}

class LedgerFile : public testing::Test {
  protected:
    std::vector<LedgerEntry> ask(Ledger& ledger, const std::string& name, std::uint64_t first, std::uint64_t hours) {
        std::optional<Result<std::vector<LedgerEntry>>> answer;
        ledger.ask(name, first, hours, [&](const Result<std::vector<LedgerEntry>>& given) { answer = given; });
        while (!answer) loop.run_once();
        EXPECT_TRUE(*answer) << answer->error().text();
        return answer->value_or(std::vector<LedgerEntry>{});
    }

    TemporaryFolder folder;
    Loop loop;
};

TEST_F(LedgerFile, AddsUpByHourDayAndAll) {
    Ledger ledger{loop, folder / "ledger.db"};
    for (const std::uint64_t hour : {480'000ull, 480'001ull, 480'001ull, 480'030ull})
        ledger.add(entry("web1", hour, 5));
    ledger.add(entry("db1", 480'001, 7));
    const auto hours = ask(ledger, "web1", 480'000, 1);
    ASSERT_EQ(hours.size(), 3u);
    EXPECT_EQ(hours[1].hour, 480'001u);
    EXPECT_EQ(hours[1].sums.delivered, 10u);
    EXPECT_EQ(hours[1].sums.sent_bytes, 2u);
    EXPECT_EQ(ask(ledger, "web1", 480'000, 24).size(), 2u);
    const auto all = ask(ledger, "", 480'001, 0);
    ASSERT_EQ(all.size(), 2u);
    EXPECT_EQ(all[0].name, "db1");
    EXPECT_EQ(all[1].sums.delivered, 15u);
    EXPECT_TRUE(ask(ledger, "web3", 0, 1).empty());
}

TEST_F(LedgerFile, GoesOnWhereTheLastOneStopped) {
    {
        Ledger ledger{loop, folder / "ledger.db"};
        ledger.add(entry("web1", 480'000, 5));
        EXPECT_EQ(ask(ledger, "", 0, 0).size(), 1u);
    }
    Ledger ledger{loop, folder / "ledger.db"};
    ledger.add(entry("web1", 480'000, 6));
    const auto all = ask(ledger, "", 0, 0);
    ASSERT_EQ(all.size(), 1u);
    EXPECT_EQ(all[0].sums.delivered, 11u);
}

TEST_F(LedgerFile, FourHundredDaysAreKept) {
    Ledger ledger{loop, folder / "ledger.db"};
    ledger.add(entry("web1", 480'000, 5));
    ledger.flush();
    ledger.add(entry("web1", 480'000 + 400 * 24 + 1, 5));
    EXPECT_EQ(ask(ledger, "", 0, 1).size(), 1u);
}

TEST_F(LedgerFile, ADamagedOneIsPutAsideAndAnUnwritableOneKeptInMemory) {
    std::ofstream{folder / "ledger.db"} << std::string(100'000, 'x');
    Ledger ledger{loop, folder / "ledger.db"};
    ledger.add(entry("web1", 480'000, 5));
    EXPECT_EQ(ask(ledger, "", 0, 0).size(), 1u);

    Ledger nowhere{loop, folder / "missing/ledger.db"};
    nowhere.add(entry("web1", 480'000, 5));
    bool answered = false;
    nowhere.ask("", 0, 0, [&](const auto& given) {
        EXPECT_FALSE(given);
        answered = true;
    });
    while (!answered) loop.run_once();
    ASSERT_EQ(mkdir((folder / "missing").c_str(), 0700), 0);
    EXPECT_EQ(ask(nowhere, "", 0, 0).size(), 1u);
}

class Guarantees : public HostTest {
  protected:
    LedgerSums sums(const std::string& name) {
        // An answer may be a second old.
        std::this_thread::sleep_for(std::chrono::milliseconds{1050});
        std::optional<Result<std::vector<LedgerEntry>>> answer;
        process->manager->guarantees(name, 0, 0, [&](const auto& given) { answer = given; });
        process->run_until([&] { return answer.has_value(); });
        EXPECT_TRUE(*answer) << answer->error().text();
        return *answer && !(*answer)->empty() ? (*answer)->front().sums : LedgerSums{};
    }
};

TEST_F(Guarantees, CountWhatAGuestUsesUpToItsEnd) {
    const JobRecord job = process->finish(create(definition("web1", "cpu_reservation: 50%\n")));
    ASSERT_EQ(job.state, JobState::Done) << job.message;
    FakeDomain& guest = hypervisor.domains.at(domid("web1"));
    guest.info.cpu_time_ns = 3 * kSecond;
    EXPECT_EQ(sums("web1").delivered, 3 * kSecond);
    guest.info.cpu_time_ns = 5 * kSecond;
    EXPECT_EQ(sums("web1").delivered, 5 * kSecond);
    guest.info.cpu_time_ns = 6 * kSecond;
    process->finish(process->manager->destroy("web1"));
    const LedgerSums all = sums("web1");
    EXPECT_EQ(all.delivered, 6 * kSecond);
    EXPECT_GT(all.running, 0u);

    EXPECT_LE(all.promised, all.running / 2);
    ASSERT_TRUE(process->manager->forget("web1"));
    EXPECT_EQ(sums("web1").delivered, 6 * kSecond);
    std::optional<ErrorId> refused;
    process->manager->guarantees("web2", 0, 0, [&](const auto& given) { refused = given.error().id(); });
    process->run_until([&] { return refused.has_value(); });
    EXPECT_EQ(*refused, ErrorId::NoSuchDomain);
}

TEST_F(Guarantees, ADaemonThatStartsAgainCountsNothingTwice) {
    process->finish(create(definition("web1")));
    hypervisor.domains.at(domid("web1")).info.cpu_time_ns = 3 * kSecond;
    EXPECT_EQ(sums("web1").delivered, 3 * kSecond);
    restart();
    EXPECT_EQ(sums("web1").delivered, 3 * kSecond);
    hypervisor.domains.at(domid("web1")).info.cpu_time_ns = 4 * kSecond;
    EXPECT_EQ(sums("web1").delivered, 4 * kSecond);
}

}  // namespace
}  // namespace hvctld::test
