// Which connection is told of what.
#include <gtest/gtest.h>

#include "guest.hpp"

namespace hvctld::store::test {
namespace {

using T = MessageType;
using Events = std::vector<std::string>;

class Watching : public testing::Test {
  protected:
    void SetUp() override {
        dom0.introduce(*store);
        guest.introduce(*store);
        ASSERT_TRUE(store->mkdir("/local/domain/5"));
        ASSERT_TRUE(store->set_permissions("/local/domain/5", {{DomainId{5}, Access::None}}));
    }
    void watch(Guest& who, const std::string& path, const std::string& token) {
        ASSERT_EQ(who.ask(*store, T::Watch, strings({path, token})), "OK");
    }
    Events take(Guest& who) {
        who.pump(*store);
        return std::exchange(who.events(), {});
    }
    std::unique_ptr<Store> store = make_store();
    Guest dom0{kDom0};
    Guest guest{DomainId{5}};
};

TEST_F(Watching, FirstEventFollowsTheAcknowledgement) {
    dom0.send(T::Watch, strings({"/none", "tok"}));
    store->ring_event(kDom0);
    dom0.write_some();
    store->ring_event(kDom0);
    const RingPage& page = dom0.page();
    MessageHeader first;
    std::memcpy(&first, page.responses, sizeof first);
    EXPECT_EQ(first.type, static_cast<std::uint32_t>(T::Watch));
    EXPECT_EQ(take(dom0), Events{"/none tok"});
    EXPECT_EQ(dom0.ask(*store, T::Watch, strings({"/none", "tok"})), "EEXIST");
    EXPECT_EQ(dom0.ask(*store, T::Watch, strings({"/none", "other"})), "OK");
}

TEST_F(Watching, ChangesBelowAreToldWithTheirPath) {
    watch(dom0, "/a", "t");
    take(dom0);
    ASSERT_TRUE(store->write("/a", "1"));
    ASSERT_TRUE(store->write("/a/b/c", "1"));
    ASSERT_TRUE(store->write("/ab", "1"));
    ASSERT_TRUE(store->set_permissions("/a/b", {{DomainId{5}, Access::None}}));
    ASSERT_TRUE(store->mkdir("/a/b"));  // there already
    EXPECT_EQ(take(dom0), (Events{"/a t", "/a/b/c t", "/a/b t"}));
    EXPECT_EQ(dom0.ask(*store, T::Unwatch, strings({"/a", "t"})), "OK");
    ASSERT_TRUE(store->write("/a", "2"));
    EXPECT_EQ(take(dom0), Events{});
}

TEST_F(Watching, RemovalIsToldAboveAndBelow) {
    ASSERT_TRUE(store->write("/a/b/c", "1"));
    watch(dom0, "/a", "above");
    watch(dom0, "/a/b/c", "below");
    watch(dom0, "/a/b/none", "none");
    take(dom0);
    ASSERT_TRUE(store->remove("/a/b"));
    EXPECT_EQ(take(dom0), (Events{"/a/b above", "/a/b/c below"}));
    ASSERT_TRUE(store->remove("/a/b"));
    EXPECT_EQ(take(dom0), Events{});
}

TEST_F(Watching, RelativeWatchesGetRelativePaths) {
    watch(guest, "device", "t");
    EXPECT_EQ(take(guest), Events{"device t"});
    ASSERT_TRUE(store->write("/local/domain/5/device/vbd/1/state", "4"));
    EXPECT_EQ(take(guest), Events{"device/vbd/1/state t"});
    ASSERT_TRUE(store->remove("/local/domain/5"));
    EXPECT_EQ(take(guest), Events{"device t"});
}

TEST_F(Watching, OnlyWhatMayBeReadIsTold) {
    watch(guest, "/", "all");
    take(guest);
    ASSERT_TRUE(store->write("/secret/x", "1"));
    EXPECT_EQ(take(guest), Events{});
    ASSERT_TRUE(store->set_permissions("/secret/x", {{kDom0, Access::Read}}));
    EXPECT_EQ(take(guest), Events{"/secret/x all"});
    ASSERT_TRUE(store->set_permissions("/secret/x", {{kDom0, Access::None}}));
    EXPECT_EQ(take(guest), Events{"/secret/x all"});  // it lost access: the last it hears of it
    ASSERT_TRUE(store->write("/secret/x", "2"));
    ASSERT_TRUE(store->remove("/secret"));
    EXPECT_EQ(take(guest), Events{});
}

TEST_F(Watching, EqualEventsThatWaitAreOneEvent) {
    watch(dom0, "/a", "t");
    take(dom0);
    for (int i = 0; i < 1000; ++i) ASSERT_TRUE(store->write("/a", std::to_string(i)));
    const Events events = take(dom0);
    EXPECT_GE(events.size(), 1u);
    EXPECT_LT(events.size(), 100u);  // what fitted into the ring at once, and one more
    EXPECT_LT(store->statistics(kDom0)->outstanding_bytes, 100u);
}

TEST_F(Watching, SpecialEvents) {
    watch(dom0, "@introduceDomain", "i");
    watch(dom0, "@releaseDomain", "r");
    watch(dom0, "@releaseDomain/7", "seven");
    watch(guest, "@releaseDomain", "g");
    take(dom0);
    take(guest);
    Guest seven{DomainId{7}};
    seven.introduce(*store);
    EXPECT_EQ(take(dom0), Events{"@introduceDomain i"});
    store->domain_stopped(DomainId{7});
    EXPECT_EQ(take(dom0), (Events{"@releaseDomain r", "@releaseDomain/7 seven"}));
    EXPECT_EQ(take(guest), Events{});
    ASSERT_TRUE(store->set_permissions("@releaseDomain", {{kDom0, Access::None}, {DomainId{5}, Access::Read}}));
    store->release_domain(DomainId{7});
    EXPECT_EQ(take(dom0), (Events{"@releaseDomain r", "@releaseDomain/7 seven"}));
    EXPECT_EQ(take(guest), Events{"@releaseDomain g"});
}

TEST_F(Watching, ResetForgetsWatchesAndTransactions) {
    watch(guest, "a", "t");
    const std::uint32_t id = guest.begin(*store);
    EXPECT_EQ(guest.ask(*store, T::ResetWatches, "\0"s), "OK");
    EXPECT_EQ(guest.ask(*store, T::TransactionEnd, "F\0"s, id), "ENOENT");
    EXPECT_EQ(guest.ask(*store, T::Unwatch, strings({"a", "t"})), "ENOENT");
    EXPECT_EQ(store->statistics(DomainId{5})->watches, 0u);
}

TEST_F(Watching, CallbacksMayUseTheStore) {
    Events seen;
    WatchHandle handle = 0;
    handle = store->watch("/a", "mine", [&](const std::string& path, const std::string& token) {
        seen.push_back(path + ' ' + token);
        if (path == "/a/stop") store->unwatch(handle);
        if (path == "/a/go") {
            EXPECT_TRUE(store->write("/a/next", "1"));
        }
    });
    EXPECT_NE(handle, 0u);
    ASSERT_TRUE(store->write("/a/go", "1"));
    ASSERT_TRUE(store->write("/a/stop", "1"));
    ASSERT_TRUE(store->write("/a/after", "1"));
    EXPECT_EQ(seen, (Events{"/a mine", "/a/go mine", "/a/next mine", "/a/stop mine"}));
    EXPECT_EQ(store->watch("no//path", "", [](auto&, auto&) {}), 0u);
}

TEST_F(Watching, GuestChangesReachTheDaemon) {
    Events seen;
    store->watch("/local/domain/5/control", "t",
                 [&](const std::string& path, const std::string&) { seen.push_back(path); });
    EXPECT_EQ(guest.ask(*store, T::Write, "control/shutdown\0poweroff"s), "OK");
    EXPECT_EQ(seen.back(), "/local/domain/5/control/shutdown");
}

}  // namespace
}  // namespace hvctld::store::test
