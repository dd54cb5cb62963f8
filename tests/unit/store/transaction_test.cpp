// What conflicts and what does not.
#include <gtest/gtest.h>

#include "guest.hpp"

namespace hvctld::store::test {
namespace {

class Transactions : public testing::Test {
  protected:
    void SetUp() override {
        ASSERT_TRUE(store->write("/a", "1"));
        ASSERT_TRUE(store->write("/b", "1"));
        ASSERT_TRUE(store->mkdir("/dir/sub"));
    }
    std::unique_ptr<Store> store = make_store();
    TransactionId first = store->start_transaction();

    // What `first` does, then what another does; does `first` commit?
    template <class Mine, class Theirs>
    bool fits(Mine mine, Theirs theirs) {
        const TransactionId id = store->start_transaction();
        mine(id);
        theirs();
        const auto result = store->commit(id);
        if (!result) {
            EXPECT_EQ(result.error(), Error::Again);
        }
        return result.has_value();
    }
};

TEST_F(Transactions, SeeTheirSnapshotAndThemselves) {
    const TransactionId id = store->start_transaction();
    ASSERT_TRUE(store->write("/a", "2"));
    EXPECT_EQ(store->read("/a", id), "1");
    ASSERT_TRUE(store->write("/new/x", "mine", id));
    EXPECT_EQ(store->read("/new/x", id), "mine");
    EXPECT_EQ(store->read("/new/x").error(), Error::NotFound);
    EXPECT_FALSE(store->exists("/new"));
    store->abort(id);
    EXPECT_FALSE(store->exists("/new"));
    EXPECT_EQ(store->read("/a", id).error(), Error::NotFound);
}

TEST_F(Transactions, ReadersConflictWithWriters) {
    EXPECT_FALSE(fits([&](auto t) { (void)store->read("/a", t); }, [&] { (void)store->write("/a", "2"); }));
    EXPECT_FALSE(fits([&](auto t) { (void)store->read("/none", t); }, [&] { (void)store->write("/none", "2"); }));
    EXPECT_FALSE(fits([&](auto t) { (void)store->read("/b", t); }, [&] { (void)store->remove("/b"); }));
    EXPECT_FALSE(fits([&](auto t) { (void)store->list("/dir", t); }, [&] { (void)store->mkdir("/dir/new"); }));
    EXPECT_FALSE(fits([&](auto t) { (void)store->list("/dir", t); }, [&] { (void)store->remove("/dir/sub"); }));
    EXPECT_FALSE(fits([&](auto t) { (void)store->permissions("/a", t); },
                      [&] {
                          (void)store->set_permissions("/a", {{DomainId{1}, Access::Read}});
                      }));
    EXPECT_FALSE(fits([&](auto t) { (void)store->write("/a/x/y", "", t); }, [&] { (void)store->mkdir("/a/x"); }));
    EXPECT_FALSE(fits([&](auto t) { (void)store->mkdir("/a/w", t); }, [&] { (void)store->remove("/a"); }));
}

TEST_F(Transactions, RecreatedNodesAreOtherNodes) {
    EXPECT_FALSE(fits([&](auto t) { (void)store->read("/a", t); },
                      [&] {
                          (void)store->remove("/a");
                          (void)store->write("/a", "1");
                      }));
}

TEST_F(Transactions, UnrelatedOnesDoNotConflict) {
    EXPECT_TRUE(fits([&](auto t) { (void)store->read("/a", t); }, [&] { (void)store->write("/b", "2"); }));
    EXPECT_TRUE(
        fits([&](auto t) { (void)store->write("/dir/x", "1", t); }, [&] { (void)store->write("/dir/y", "1"); }));
    EXPECT_EQ(store->list("/dir"), (std::vector<std::string>{"sub", "x", "y"}));
    EXPECT_TRUE(fits([&](auto t) { (void)store->list("/dir", t); }, [&] { (void)store->write("/dir/sub", "2"); }));
    EXPECT_TRUE(fits([&](auto t) { (void)store->read("/dir", t); }, [&] { (void)store->write("/dir/sub/new", "2"); }));
    EXPECT_TRUE(fits([&](auto t) { (void)store->write("/a", "mine", t); }, [&] { (void)store->write("/a", "other"); }));
    EXPECT_EQ(store->read("/a"), "mine");
}

TEST_F(Transactions, TwoTransactionsOfWhichTheSecondLoses) {
    const TransactionId one = store->start_transaction();
    const TransactionId two = store->start_transaction();
    for (const TransactionId id : {one, two}) {
        const int value = std::stoi(*store->read("/a", id));
        ASSERT_TRUE(store->write("/a", std::to_string(value + 1), id));
    }
    EXPECT_TRUE(store->commit(two));
    EXPECT_EQ(store->commit(one).error(), Error::Again);
    EXPECT_EQ(store->commit(one).error(), Error::NotFound);
    EXPECT_EQ(store->read("/a"), "2");
}

TEST_F(Transactions, CommitRemovalsAndCreationsInOrder) {
    const TransactionId id = store->start_transaction();
    ASSERT_TRUE(store->write("/a", "x", id));
    ASSERT_TRUE(store->remove("/dir", id));
    ASSERT_TRUE(store->write("/dir/again", "1", id));
    ASSERT_TRUE(store->set_permissions("/dir/again", {{DomainId{4}, Access::Read}}, id));
    ASSERT_TRUE(store->write("/dir/again", "2", id));
    ASSERT_TRUE(store->remove("/b", id));
    ASSERT_TRUE(store->commit(id));
    EXPECT_EQ(store->list("/dir"), std::vector<std::string>{"again"});
    EXPECT_EQ(store->read("/dir/again"), "2");
    EXPECT_EQ(store->permissions("/dir/again"), (Permissions{{DomainId{4}, Access::Read}}));
    EXPECT_FALSE(store->exists("/b"));
}

TEST_F(Transactions, WatchesFireOnCommitOnceForEachPath) {
    std::vector<std::string> seen;
    store->watch("/", "t", [&](const std::string& path, const std::string&) { seen.push_back(path); });
    seen.clear();
    const TransactionId id = store->start_transaction();
    ASSERT_TRUE(store->write("/a", "x", id));
    ASSERT_TRUE(store->write("/a", "y", id));
    ASSERT_TRUE(store->write("/dir/n", "y", id));
    EXPECT_TRUE(seen.empty());
    ASSERT_TRUE(store->commit(id));
    EXPECT_EQ(seen, (std::vector<std::string>{"/a", "/dir/n"}));
    const TransactionId dropped = store->start_transaction();
    ASSERT_TRUE(store->write("/a", "z", dropped));
    store->abort(dropped);
    EXPECT_EQ(seen.size(), 2u);
}

TEST_F(Transactions, RepeatedWritesDoNotAddUp) {
    Guest guest{DomainId{3}};
    guest.introduce(*store);
    ASSERT_TRUE(store->write("/mine", ""));
    ASSERT_TRUE(store->set_permissions("/mine", {{DomainId{3}, Access::None}}));
    const std::uint32_t id = guest.begin(*store);
    for (int i = 0; i < 3000; ++i) {
        ASSERT_EQ(guest.ask(*store, MessageType::Write, "/mine\0"s + std::to_string(i), id), "OK");
    }
    EXPECT_EQ(guest.ask(*store, MessageType::TransactionEnd, "T\0"s, id), "OK");
    EXPECT_EQ(store->read("/mine"), "2999");
}

TEST_F(Transactions, TooOldOnesConflict) {
    Guest guest{DomainId{3}};
    guest.introduce(*store);
    const std::uint32_t id = guest.begin(*store);
    for (int i = 0; i < 100'001; ++i) ASSERT_TRUE(store->write("/a", "x"));
    EXPECT_EQ(guest.ask(*store, MessageType::TransactionEnd, "T\0"s, id), "EAGAIN");
}

}  // namespace
}  // namespace hvctld::store::test
