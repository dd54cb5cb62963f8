// Domains that break the rules of the ring harm themselves only.
#include <random>

#include <gtest/gtest.h>

#include "guest.hpp"

namespace hvctld::store::test {
namespace {

using T = MessageType;

class Hostile : public testing::Test {
  protected:
    void SetUp() override {
        bad.introduce(*store);
        good.introduce(*store);
        ASSERT_TRUE(store->write("/shared", "v"));
        ASSERT_TRUE(store->set_permissions("/shared", {{kDom0, Access::Both}}));
    }
    void expect_broken(RingError error) {
        EXPECT_EQ(store->statistics(bad.domain())->ring, RingState::Broken);
        EXPECT_EQ(bad.page().error, static_cast<std::uint32_t>(error));
        EXPECT_EQ(store->statistics(bad.domain())->watches, 0u);
        EXPECT_EQ(store->statistics(bad.domain())->outstanding_bytes, 0u);
        EXPECT_EQ(good.ask(*store, T::Read, "/shared\0"s), "v");
    }
    std::unique_ptr<Store> store = make_store();
    Guest bad{DomainId{6}};
    Guest good{DomainId{7}};
};

TEST_F(Hostile, ServerAnnouncesItsFeatures) {
    EXPECT_EQ(bad.page().server_features, 3u);
    EXPECT_EQ(bad.page().connection, 0u);
    EXPECT_EQ(bad.page().error, 0u);
    EXPECT_GT(bad.notifications, 0);
}

TEST_F(Hostile, RequestProducerOutOfRange) {
    for (const std::uint32_t offset : {1025u, 5000u, 0x80000000u, 0xffffffffu}) {
        bad.page().request_producer = bad.page().request_consumer + offset;
        store->ring_event(bad.domain());
        expect_broken(RingError::Indexes);
        bad.page().connection = static_cast<std::uint32_t>(RingConnection::Reconnect);
        store->ring_event(bad.domain());
        EXPECT_EQ(store->statistics(bad.domain())->ring, RingState::Running);
    }
}

TEST_F(Hostile, ResponseConsumerOutOfRange) {
    bad.page().response_consumer = bad.page().response_producer + 1;
    bad.send(T::Read, "/shared\0"s);
    bad.write_some();
    store->ring_event(bad.domain());
    expect_broken(RingError::Indexes);
}

TEST_F(Hostile, AnnouncedLengthTooLong) {
    for (const std::uint32_t length : {kMaxPayload + 1, 0x7fffffffu, 0xffffffffu}) {
        const MessageHeader header{static_cast<std::uint32_t>(T::Read), 1, 0, length};
        bad.send_raw({reinterpret_cast<const char*>(&header), sizeof header});
        bad.write_some();
        store->ring_event(bad.domain());
        expect_broken(RingError::Protocol);
        bad.page().connection = static_cast<std::uint32_t>(RingConnection::Reconnect);
        store->ring_event(bad.domain());
    }
}

TEST_F(Hostile, OwnIndexesOfTheStoreAreNotBelieved) {
    bad.page().request_consumer = 77777;
    bad.page().response_producer = 12345;
    store->ring_event(bad.domain());
    EXPECT_EQ(bad.page().request_consumer, 0u);
    EXPECT_EQ(store->statistics(bad.domain())->ring, RingState::Running);
}

TEST_F(Hostile, ReconnectStartsFromZero) {
    ASSERT_EQ(bad.ask(*store, T::Watch, strings({"/shared", "t"})), "OK");
    const std::uint32_t id = bad.begin(*store);
    const MessageHeader half{static_cast<std::uint32_t>(T::Read), 1, 0, 100};
    bad.send_raw({reinterpret_cast<const char*>(&half), sizeof half});
    bad.pump(*store);
    bad.page().connection = static_cast<std::uint32_t>(RingConnection::Reconnect);
    bad.notifications = 0;
    store->ring_event(bad.domain());
    EXPECT_EQ(bad.page().connection, 0u);
    EXPECT_EQ(bad.notifications, 1);
    for (const auto index : {bad.page().request_consumer, bad.page().request_producer, bad.page().response_consumer,
                             bad.page().response_producer}) {
        EXPECT_EQ(index, 0u);
    }
    EXPECT_EQ(store->statistics(bad.domain())->watches, 0u);
    EXPECT_EQ(bad.ask(*store, T::Read, "/shared\0"s), "v");
    EXPECT_EQ(bad.ask(*store, T::TransactionEnd, "T\0"s, id), "ENOENT");
}

TEST_F(Hostile, NeverReadingOneIsNotServedFurther) {
    std::size_t sent = 0;
    for (int round = 0; round < 1000; ++round) {
        bad.send(T::Read, "/shared\0"s);
        sent += bad.write_some() ? 1 : 0;
        store->ring_event(bad.domain());
        while (store->run_pending()) {
        }
    }
    EXPECT_LT(store->statistics(bad.domain())->requests, 1000u);
    EXPECT_LE(store->statistics(bad.domain())->outstanding_bytes, 8192u + kMaxMessage);
    EXPECT_EQ(good.ask(*store, T::Read, "/shared\0"s), "v");
    bad.pump(*store);  // it reads after all: everything is there, in order
    ASSERT_EQ(bad.answers().size(), 1000u);
    for (std::uint32_t i = 0; i < 1000; ++i) ASSERT_EQ(bad.answers()[i].request, i + 1);
}

TEST_F(Hostile, EventsForANeverReadingOneAreBounded) {
    store->set_quota(bad.domain(), Quota::OutstandingBytes, 20'000);
    ASSERT_EQ(bad.ask(*store, T::Watch, strings({"/shared", "t"})), "OK");
    for (int i = 0; i < 2000; ++i) {
        ASSERT_TRUE(store->write("/shared/" + std::to_string(i), ""));
        ASSERT_LE(store->statistics(bad.domain())->outstanding_bytes, 20'000u);
    }
    expect_broken(RingError::Communication);
    EXPECT_EQ(store->statistics(bad.domain())->refusals[static_cast<std::size_t>(Quota::OutstandingBytes)], 1u);
    EXPECT_EQ(store->statistics().watches, 0u);
}

TEST_F(Hostile, OneRingTakesOneShareOfARound) {
    for (int i = 0; i < 60; ++i) bad.send(T::Unwatch, "x"s);
    for (int i = 0; i < 60; ++i) bad.send(T::Unwatch, "x"s);
    bad.write_some();
    store->ring_event(bad.domain());
    EXPECT_LE(store->statistics(bad.domain())->requests, 64u);
    bad.pump(*store);
    EXPECT_EQ(bad.answers().size(), 120u);
}

TEST_F(Hostile, WakeIsAskedForWhenWorkIsLeft) {
    int wakes = 0;
    StoreOptions options;
    options.wake = [&] { ++wakes; };
    const auto own = *Store::create(std::move(options));
    Guest guest{DomainId{1}};
    guest.introduce(*own);
    EXPECT_EQ(wakes, 1);  // whatever is in the ring already
    EXPECT_FALSE(own->run_pending());
}

TEST_F(Hostile, RandomPagesAndRandomMessages) {
    std::mt19937 engine{42};
    const auto random = [&] { return static_cast<std::uint32_t>(engine()); };
    for (int round = 0; round < 3000; ++round) {
        RingPage& page = bad.page();
        for (int i = 0; i < 200; ++i) page.requests[random() % kRingSize] = static_cast<char>(random() % 24);
        switch (random() % 4) {
            case 0: page.request_producer = page.request_consumer + random() % 1030; break;
            case 1: page.response_consumer = page.response_producer - random() % 1030; break;
            case 2: page.connection = random() % 2; break;
            default:
                bad.send(static_cast<T>(random() % 24), std::string(random() % 40, static_cast<char>(random() % 128)));
                break;
        }
        bad.write_some();
        store->ring_event(bad.domain());
        while (store->run_pending()) {
        }
        if (random() % 3 == 0) page.response_consumer = page.response_producer;
    }
    EXPECT_EQ(good.ask(*store, T::Read, "/shared\0"s), "v");
}

TEST_F(Hostile, UnknownDomainsAndReplacedRings) {
    store->ring_event(DomainId{99});
    store->release_domain(DomainId{99});
    EXPECT_EQ(store->attach_ring(DomainId{99}, good.port()).error(), Error::NotFound);
    EXPECT_EQ(store->attach_ring(good.domain(), good.port()).error(), Error::Connected);
    EXPECT_EQ(store->introduce_domain(DomainId{98}, 1, 1, {}).error(), Error::BadArgument);
    Guest resumed{good.domain()};
    ASSERT_EQ(good.ask(*store, T::Watch, strings({"/shared", "t"})), "OK");
    resumed.introduce(*store);
    EXPECT_EQ(resumed.ask(*store, T::Read, "/shared\0"s), "v");
    EXPECT_EQ(store->statistics(good.domain())->watches, 1u);
}

TEST_F(Hostile, PageIsLetGoWithTheDomain) {
    auto keep = std::make_shared<int>(1);
    const std::weak_ptr<int> alive = keep;
    RingPort port = good.port();
    port.keep_alive = std::move(keep);
    ASSERT_TRUE(store->introduce_domain(DomainId{8}, 1, 1, std::move(port)));
    EXPECT_FALSE(alive.expired());
    store->release_domain(DomainId{8});
    EXPECT_TRUE(alive.expired());
    EXPECT_FALSE(store->run_pending());
}

}  // namespace
}  // namespace hvctld::store::test
