// What one domain may use, and that refusals are counted and told.
#include <gtest/gtest.h>

#include "guest.hpp"

namespace hvctld::store::test {
namespace {

using T = MessageType;

class QuotaRules : public testing::Test {
  protected:
    void SetUp() override {
        guest.introduce(*store);
        ASSERT_TRUE(store->mkdir("/local/domain/5"));
        ASSERT_TRUE(store->set_permissions("/local/domain/5", {{DomainId{5}, Access::None}}));
    }
    void limit(Quota quota, std::uint32_t value) { store->set_quota(DomainId{5}, quota, value); }
    std::uint64_t refusals(Quota quota) {
        return store->statistics(DomainId{5})->refusals[static_cast<std::size_t>(quota)];
    }
    std::string write(const std::string& name, const std::string& value = "", std::uint32_t transaction = 0) {
        return guest.ask(*store, T::Write, name + '\0' + value, transaction);
    }
    std::vector<std::string> log;
    std::unique_ptr<Store> store = make_store({}, {}, &log);
    Guest guest{DomainId{5}};
};

TEST_F(QuotaRules, Nodes) {
    limit(Quota::Nodes, 4);
    EXPECT_EQ(write("a/b"), "OK");
    EXPECT_EQ(write("c/d"), "ENOSPC");  // 3 + 2
    EXPECT_EQ(write("c"), "OK");
    EXPECT_EQ(write("d"), "ENOSPC");
    EXPECT_EQ(refusals(Quota::Nodes), 2u);
    EXPECT_EQ(guest.ask(*store, T::Remove, "a\0"s), "OK");
    EXPECT_EQ(write("d"), "OK");
    ASSERT_FALSE(log.empty());
    EXPECT_NE(log.front().find("domain 5 refused by quota nodes: wanted 5, limit 4"), std::string::npos) << log.front();
    EXPECT_TRUE(store->write("/local/domain/5/by/dom0/as/much/as/it/likes", ""));
}

TEST_F(QuotaRules, NodesInsideTransactions) {
    limit(Quota::Nodes, 3);
    const std::uint32_t id = guest.begin(*store);
    EXPECT_EQ(write("a", "", id), "OK");
    EXPECT_EQ(write("b", "", id), "OK");
    EXPECT_EQ(write("c", "", id), "ENOSPC");
    EXPECT_EQ(write("d"), "OK");
    EXPECT_EQ(guest.ask(*store, T::TransactionEnd, "T\0"s, id), "ENOSPC");
    EXPECT_EQ(*store->list("/local/domain/5"), std::vector<std::string>{"d"});
}

TEST_F(QuotaRules, TransactionNodes) {
    limit(Quota::TransactionNodes, 10);
    const std::uint32_t id = guest.begin(*store);
    std::string last;
    for (int i = 0; i < 12 && last != "ENOSPC"; ++i) last = write("n" + std::to_string(i), "", id);
    EXPECT_EQ(last, "ENOSPC");
    last.clear();
    for (int i = 0; i < 12 && last != "ENOSPC"; ++i)
        last = guest.ask(*store, T::Read, "m" + std::to_string(i) + '\0', id);
    EXPECT_EQ(last, "ENOSPC");
    EXPECT_GE(refusals(Quota::TransactionNodes), 2u);
}

// The sum counts, not each part: nodes, changes in transactions, and what snapshots keep alive.
TEST_F(QuotaRules, Memory) {
    limit(Quota::Memory, 64 * 1024);
    const std::string big(2000, 'x');
    std::string last;
    int written = 0;
    for (; written < 100 && last != "ENOSPC"; ++written) last = write("n" + std::to_string(written), big);
    EXPECT_EQ(last, "ENOSPC");
    EXPECT_GT(written, 20);
    EXPECT_EQ(guest.ask(*store, T::TransactionStart, "\0"s), "ENOSPC");  // its snapshot would keep all of them
    EXPECT_EQ(write("n0", ""), "OK");                                    // less is always possible
    for (int i = 1; i < written; ++i) guest.ask(*store, T::Remove, "n" + std::to_string(i) + '\0');
    const std::uint32_t first = guest.begin(*store);
    const std::uint32_t second = guest.begin(*store);
    last.clear();
    for (int i = 0; i < 100 && last != "ENOSPC"; ++i)
        last = write("t" + std::to_string(i), big, i % 2 == 0 ? first : second);
    EXPECT_EQ(last, "ENOSPC");
    EXPECT_GE(refusals(Quota::Memory), 3u);
    EXPECT_LE(store->statistics(guest.domain())->memory, 64u * 1024);
    // What a transaction held is free again when it ends.
    EXPECT_EQ(guest.ask(*store, T::TransactionEnd, "F\0"s, first), "OK");
    EXPECT_EQ(write("again", big), "OK");
    EXPECT_EQ(guest.ask(*store, T::TransactionEnd, "T\0"s, second), "OK");
    bool told = false;
    for (const std::string& line : log)
        told = told || line.find("domain 5 refused by quota memory") != std::string::npos;
    EXPECT_TRUE(told);
}

// As much as the other quotas allow: ten transactions of 1,024 nodes of 2 KiB are 20 MiB.
TEST_F(QuotaRules, MemoryOfAsManyTransactionsAsThereMayBe) {
    const Quotas defaults;
    const std::uint64_t before = store->statistics(guest.domain())->memory;
    const std::string big(defaults.get(Quota::NodeSize), 'x');
    std::vector<std::uint32_t> open;
    for (std::uint32_t i = 0; i < defaults.get(Quota::Transactions); ++i) open.push_back(guest.begin(*store));
    std::size_t written = 0;
    for (const std::uint32_t id : open) {
        for (std::uint32_t node = 0; node < defaults.get(Quota::TransactionNodes); ++node)
            written += write("n" + std::to_string(node), big, id) == "OK" ? 1 : 0;
    }
    const std::uint64_t most = defaults.get(Quota::Memory);
    EXPECT_LE(store->statistics(guest.domain())->memory, most);
    EXPECT_GT(store->statistics(guest.domain())->memory, most * 9 / 10);
    EXPECT_LE(written * big.size(), most);
    EXPECT_GT(refusals(Quota::Memory), 0u);
    EXPECT_EQ(write("n", big), "ENOSPC");  // outside of them, too
    for (const std::uint32_t id : open) EXPECT_EQ(guest.ask(*store, T::TransactionEnd, "F\0"s, id), "OK");
    EXPECT_EQ(store->statistics(guest.domain())->memory, before);
    EXPECT_EQ(write("n", big), "OK");
}

// A transaction that can only fail any more, because it was open for too long, holds memory all the same.
TEST_F(QuotaRules, MemoryOfTransactionsThatAreTooOld) {
    constexpr int kTooMany = 101'000;
    limit(Quota::Memory, 64 * 1024);
    const std::uint32_t id = guest.begin(*store);
    for (int i = 0; i < kTooMany; ++i) ASSERT_TRUE(store->write("/elsewhere", std::to_string(i)));
    const std::string big(2000, 'x');
    int written = 0;
    for (int i = 0; i < 100; ++i) written += write("n" + std::to_string(i), big, id) == "OK" ? 1 : 0;
    EXPECT_GT(written, 0);
    EXPECT_LT(written, 33);
    EXPECT_GT(refusals(Quota::Memory), 0u);
    EXPECT_LE(store->statistics(guest.domain())->memory, 64u * 1024);
    EXPECT_EQ(guest.ask(*store, T::TransactionEnd, "T\0"s, id), "EAGAIN");
    EXPECT_LT(store->statistics(guest.domain())->memory, 1024u);
}

TEST_F(QuotaRules, CreatingAndRemovingForeverInATransaction) {
    const std::uint32_t id = guest.begin(*store);
    std::string last;
    for (int i = 0; i < 1000 && last != "ENOSPC"; ++i) {
        last = write("n", "", id);
        if (last == "OK") last = guest.ask(*store, T::Remove, "n\0"s, id);
    }
    EXPECT_EQ(last, "ENOSPC");
}

TEST_F(QuotaRules, Watches) {
    limit(Quota::Watches, 2);
    EXPECT_EQ(guest.ask(*store, T::Watch, strings({"a", "t"})), "OK");
    EXPECT_EQ(guest.ask(*store, T::Watch, strings({"a", "u"})), "OK");
    EXPECT_EQ(guest.ask(*store, T::Watch, strings({"b", "t"})), "ENOSPC");
    EXPECT_EQ(guest.ask(*store, T::Unwatch, strings({"a", "u"})), "OK");
    EXPECT_EQ(guest.ask(*store, T::Watch, strings({"b", "t"})), "OK");
    EXPECT_EQ(store->statistics(DomainId{5})->watches, 2u);
    EXPECT_EQ(refusals(Quota::Watches), 1u);
}

TEST_F(QuotaRules, Transactions) {
    limit(Quota::Transactions, 2);
    const std::uint32_t id = guest.begin(*store);
    guest.begin(*store);
    EXPECT_EQ(guest.ask(*store, T::TransactionStart, "\0"s), "ENOSPC");
    EXPECT_EQ(guest.ask(*store, T::TransactionEnd, "F\0"s, id), "OK");
    EXPECT_EQ(store->statistics(DomainId{5})->transactions, 1u);
    guest.begin(*store);
    EXPECT_EQ(refusals(Quota::Transactions), 1u);
}

TEST_F(QuotaRules, SizesAndLengths) {
    limit(Quota::NodeSize, 10);
    limit(Quota::NodePermissions, 2);
    limit(Quota::PathLength, 30);
    EXPECT_EQ(write("a", "0123456789"), "OK");
    EXPECT_EQ(write("a", "0123456789x"), "ENOSPC");
    EXPECT_EQ(guest.ask(*store, T::SetPermissions, strings({"a", "n5", "r1"})), "OK");
    EXPECT_EQ(guest.ask(*store, T::SetPermissions, strings({"a", "n5", "r1", "r2"})), "ENOSPC");
    EXPECT_EQ(write("0123456789"), "OK");
    EXPECT_EQ(write("0123456789abcdef"), "EINVAL");
    EXPECT_EQ(refusals(Quota::NodeSize), 1u);
    EXPECT_EQ(refusals(Quota::NodePermissions), 1u);
    EXPECT_EQ(refusals(Quota::PathLength), 1u);
}

TEST_F(QuotaRules, DefaultsApplyToAllWithoutTheirOwn) {
    Quotas tight;
    tight.set(Quota::Watches, 0);
    store->set_default_quotas(tight);
    EXPECT_EQ(guest.ask(*store, T::Watch, strings({"a", "t"})), "ENOSPC");
    limit(Quota::Watches, 1);
    EXPECT_EQ(guest.ask(*store, T::Watch, strings({"a", "t"})), "OK");
    Guest dom0{kDom0};
    dom0.introduce(*store);
    EXPECT_EQ(dom0.ask(*store, T::Watch, strings({"a", "t"})), "OK");
}

TEST(QuotaNames, AreUniqueAndFound) {
    for (std::size_t i = 0; i < kQuotaCount; ++i) {
        const auto quota = static_cast<Quota>(i);
        EXPECT_EQ(quota_by_name(quota_name(quota)), quota);
    }
    EXPECT_FALSE(quota_by_name("horses"));
}

TEST(LogLimit, TellsFiveLinesAndHowManyWereLeftOut) {
    std::uint64_t now = 1000;
    std::vector<std::string> log;
    StoreOptions options;
    options.log = [&](LogLevel, std::string_view text) { log.emplace_back(text); };
    options.monotonic_ms = [&] { return now; };
    const auto store = *Store::create(std::move(options));
    store->set_quota(DomainId{5}, Quota::Watches, 0);
    Guest guest{DomainId{5}};
    guest.introduce(*store);
    for (int i = 0; i < 20; ++i) guest.ask(*store, T::Watch, strings({"a", "t"}));
    EXPECT_EQ(log.size(), 5u);
    now += 10'000;
    guest.ask(*store, T::Watch, strings({"a", "t"}));
    ASSERT_EQ(log.size(), 6u);
    EXPECT_NE(log.back().find("15 similar lines left out"), std::string::npos);
    EXPECT_EQ(store->statistics(DomainId{5})->refusals[static_cast<std::size_t>(Quota::Watches)], 21u);
}

}  // namespace
}  // namespace hvctld::store::test
