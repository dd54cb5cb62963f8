// Killed at every byte of the journal and at every point between writing it and telling the domains: each request is
// carried out once and answered once.
#include <algorithm>
#include <fstream>

#include <gtest/gtest.h>

#include "guest.hpp"

namespace hvctld::store::test {
namespace {

using T = MessageType;

std::string slurp(const std::string& path) {
    std::ifstream file{path, std::ios::binary};
    return {std::istreambuf_iterator<char>{file}, {}};
}

void spill(const std::string& path, std::string_view bytes) {
    std::ofstream{path, std::ios::binary}.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

// Two domains with requests waiting. What they ask tells whether a request was carried out twice: a watch set again is
// EEXIST, one removed again ENOENT.
void queue_requests(std::vector<Guest>& guests) {
    for (Guest& guest : guests) {
        guest.send(T::Read, "/shared\0"s);
        for (int i = 0; i < 3; ++i) {
            const std::string mine = "/shared/" + std::to_string(guest.domain().raw) + '/' + std::to_string(i);
            guest.send(T::Watch, strings({mine, "mine"}));
            guest.send(T::Write, mine + '\0' + std::string(i == 1 ? 1500 : 5, 'v'));
            guest.send(T::Unwatch, strings({mine, "mine"}));
        }
        guest.send(T::Directory, "/shared\0"s);
    }
}

// What both find: a folder for each, watched by the other.
void prepare(Store& store, std::vector<Guest>& guests) {
    ASSERT_TRUE(store.write("/shared", "v"));
    ASSERT_TRUE(store.set_permissions("/shared", {{kDom0, Access::Both}}));
    for (const char* name : {"/shared/5", "/shared/6"}) ASSERT_TRUE(store.mkdir(name));
    for (Guest& guest : guests) {
        guest.introduce(store);
        const std::string other = guest.domain() == DomainId{5} ? "6" : "5";
        ASSERT_EQ(guest.ask(store, T::Watch, strings({"/shared/" + other, "other"})), "OK");
        guest.answers().clear();
        guest.events().clear();
    }
    queue_requests(guests);
}

struct Moment {
    std::size_t journal;        // bytes that were in it
    std::vector<Guest> guests;  // as they were then, with their pages
};

void finish(Store& store, std::vector<Guest>& guests) {
    for (int round = 0; round < 8; ++round) {
        for (Guest& guest : guests) guest.pump(store);
    }
}

class Crash : public testing::Test {
  protected:
    // Runs everything once without a crash, noting what the world looked like before each step and after each page that
    // was written to.
    void record() {
        std::vector<Guest> guests{Guest{DomainId{5}}, Guest{DomainId{6}}};
        const auto store = make_store(folder.path());
        prepare(*store, guests);
        const auto note = [&] { moments.push_back({slurp(journal()).size(), guests}); };
        for (Guest& guest : guests) guest.on_notify = note;
        for (int round = 0; round < 60; ++round) {
            for (Guest& guest : guests) {
                guest.write_some();
                note();
                store->ring_event(guest.domain());
                note();
                guest.read_some();
                note();
            }
        }
        finish(*store, guests);
        note();
        expected = guests;
        bytes = slurp(journal());
        shared = *store->list("/shared/5");
        for (const Guest& guest : guests) check_sequence(const_cast<Guest&>(guest));
    }
    std::string journal() const { return folder.path() + "/journal"; }

    static void check_sequence(Guest& guest) {
        ASSERT_EQ(guest.answers().size(), 11u);
        for (std::uint32_t i = 0; i < 11; ++i) {
            EXPECT_EQ(guest.answers()[i].request, i + 2);
            EXPECT_NE(guest.answers()[i].type, T::Error) << guest.answers()[i].payload;
        }
    }

    // The daemon was killed when `cut` bytes were in the journal and the domains were as in `guests`.
    void crash(std::size_t cut, std::vector<Guest> guests) {
        const TemporaryFolder again;
        spill(again.path() + "/journal", std::string_view{bytes}.substr(0, cut));
        const auto store = make_store(again.path());
        for (Guest& guest : guests) guest.attach(*store);
        finish(*store, guests);
        for (std::size_t i = 0; i < guests.size(); ++i) {
            ASSERT_EQ(guests[i].answers(), expected[i].answers()) << "cut at " << cut;
            auto have = guests[i].events();
            auto want = expected[i].events();
            std::ranges::sort(have);
            std::ranges::sort(want);
            ASSERT_EQ(have, want) << "cut at " << cut;
            ASSERT_EQ(store->statistics(guests[i].domain())->watches, 1u);
            ASSERT_EQ(guests[i].page().error, 0u);
        }
        ASSERT_EQ(*store->list("/shared/5"), shared);
        ASSERT_EQ(store->read("/shared/6/1"), std::string(1500, 'v'));
    }

    TemporaryFolder folder;
    std::vector<Moment> moments;
    std::vector<Guest> expected;
    std::vector<std::string> shared;
    std::string bytes;
};

TEST_F(Crash, AtEveryByteOfTheJournal) {
    record();
    ASSERT_GT(moments.size(), 10u);
    // The page of a moment is what a crash finds until the next frame is complete, and also right after that.
    for (std::size_t i = 0; i + 1 < moments.size(); ++i) {
        const std::size_t from = moments[i].journal;
        const std::size_t to = moments[i + 1].journal;
        if (from == to) crash(from, moments[i].guests);
        for (std::size_t cut = from; from != to && cut <= to; ++cut) {
            crash(cut, moments[i].guests);
            if (HasFatalFailure()) return;
        }
    }
}

TEST_F(Crash, InTheMiddleOfTellingTheDomains) {
    record();
    for (std::size_t i = 0; i + 1 < moments.size(); ++i) {
        if (moments[i].journal == moments[i + 1].journal) continue;
        // The frame is written. Of the pages, response bytes and some of the indexes have been.
        for (const bool consumer : {false, true}) {
            for (const bool producer : {false, true}) {
                auto guests = moments[i].guests;
                for (std::size_t g = 0; g < guests.size(); ++g) {
                    RingPage& page = guests[g].page();
                    const RingPage& after = const_cast<Guest&>(moments[i + 1].guests[g]).page();
                    std::memcpy(page.responses, after.responses, sizeof page.responses);
                    if (consumer) page.request_consumer = after.request_consumer;
                    if (producer) page.response_producer = after.response_producer;
                }
                crash(moments[i + 1].journal, guests);
                if (HasFatalFailure()) return;
            }
        }
    }
}

TEST_F(Crash, AtEveryStepAgainAndAgain) {
    std::vector<Guest> guests{Guest{DomainId{5}}, Guest{DomainId{6}}};
    prepare(*make_store(folder.path()), guests);
    for (int round = 0; round < 100; ++round) {
        for (Guest& guest : guests) {
            const auto store = make_store(folder.path());
            for (Guest& other : guests) other.attach(*store);
            guest.write_some();
            store->ring_event(guest.domain());
            if (round % 3 == 0) guest.read_some();
        }
    }
    const auto store = make_store(folder.path());
    for (Guest& guest : guests) guest.attach(*store);
    finish(*store, guests);
    for (Guest& guest : guests) check_sequence(guest);
}

TEST(Recovery, OpenTransactionsEndWithEagain) {
    const TemporaryFolder folder;
    Guest guest{DomainId{5}};
    std::uint32_t id = 0;
    std::uint32_t ended = 0;
    {
        const auto store = make_store(folder.path());
        ASSERT_TRUE(store->write("/a", "1"));
        ASSERT_TRUE(store->set_permissions("/a", {{DomainId{5}, Access::None}}));
        guest.introduce(*store);
        ended = guest.begin(*store);
        id = guest.begin(*store);
        EXPECT_EQ(guest.ask(*store, T::TransactionEnd, "F\0"s, ended), "OK");
        EXPECT_EQ(guest.ask(*store, T::Write,
                            "/a\0"
                            "2"s,
                            id),
                  "OK");
    }
    const auto store = make_store(folder.path());
    guest.attach(*store);
    EXPECT_EQ(guest.ask(*store, T::Read, "/a\0"s, id), "1");
    EXPECT_EQ(guest.ask(*store, T::Read, "/a\0"s, ended), "ENOENT");
    EXPECT_EQ(guest.ask(*store, T::Write,
                        "/a\0"
                        "3"s,
                        id),
              "OK");
    EXPECT_EQ(guest.ask(*store, T::TransactionEnd, "T\0"s, id), "EAGAIN");
    EXPECT_EQ(store->read("/a"), "1");
    EXPECT_GT(guest.begin(*store), id);
    EXPECT_EQ(store->statistics(DomainId{5})->transactions, 1u);
}

TEST(Recovery, DomainsAreKnownAndWaitForTheirRings) {
    const TemporaryFolder folder;
    Guest guest{DomainId{5}};
    Guest other{DomainId{6}};
    {
        const auto store = make_store(folder.path());
        guest.introduce(*store);
        other.introduce(*store);
        store->set_target(DomainId{5}, DomainId{6});
        ASSERT_EQ(guest.ask(*store, T::Watch, strings({"@releaseDomain", "t"})), "OK");
        ASSERT_TRUE(store->set_permissions("@releaseDomain", {{kDom0, Access::Read}}));
        ASSERT_TRUE(store->write("/six", "6"));
        ASSERT_TRUE(store->set_permissions("/six", {{DomainId{6}, Access::None}}));
        Guest gone{DomainId{7}};
        gone.introduce(*store);
        store->release_domain(DomainId{7});
    }
    guest.events().clear();
    const auto store = make_store(folder.path());
    const auto domains = store->introduced_domains();
    ASSERT_EQ(domains.size(), 2u);
    EXPECT_EQ(domains[0].domain, DomainId{5});
    EXPECT_EQ(domains[0].gfn, 105u);
    EXPECT_EQ(domains[0].port, 7u);
    EXPECT_FALSE(domains[0].attached);
    EXPECT_EQ(store->statistics(DomainId{5})->ring, RingState::Absent);
    store->release_domain(DomainId{6});  // it died while no daemon ran; the event waits for the ring
    store->ring_event(DomainId{5});
    guest.attach(*store);
    guest.pump(*store);
    EXPECT_EQ(std::ranges::count(guest.events(), "@releaseDomain t"), 1);
}

// Compactions happen while replies wait, one of them delivered in part.
TEST(Recovery, UnreadRepliesSurviveCompactions) {
    const TemporaryFolder folder;
    Guest guest{DomainId{5}};
    std::uint32_t sent = 0;
    {
        const auto store = make_store(folder.path());
        ASSERT_TRUE(store->write("/a", std::string(700, 'v')));
        ASSERT_TRUE(store->set_permissions("/a", {{DomainId{5}, Access::None}}));
        guest.introduce(*store);
        const std::uint32_t id = guest.begin(*store);
        guest.answers().clear();
        for (; sent < 40; ++sent) guest.send(T::Read, "/a\0"s, sent % 2 == 0 ? id : 0);
        while (guest.write_some()) store->ring_event(DomainId{5});
        EXPECT_GT(store->statistics(DomainId{5})->outstanding_bytes, 4096u);
        const std::uint64_t before = store->statistics().compactions;
        while (store->statistics().compactions < before + 2) ASSERT_TRUE(store->write("/b", std::string(4000, 'x')));
        guest.read_some();
        store->ring_event(DomainId{5});
    }
    const auto store = make_store(folder.path());
    // A daemon that introduces instead of attaching loses nothing either.
    ASSERT_TRUE(store->introduce_domain(DomainId{5}, 105, 7, guest.port()));
    guest.pump(*store);
    ASSERT_EQ(guest.answers().size(), sent);
    for (std::uint32_t i = 0; i < sent; ++i) {
        ASSERT_EQ(guest.answers()[i].request, i + 2);
        ASSERT_EQ(guest.answers()[i].payload, std::string(700, 'v'));
    }
}

TEST(Recovery, BrokenRingsStayBrokenUntilTheyReconnect) {
    const TemporaryFolder folder;
    Guest guest{DomainId{5}};
    {
        const auto store = make_store(folder.path());
        guest.introduce(*store);
        guest.page().request_producer = 5000;
        store->ring_event(DomainId{5});
    }
    guest.page().error = 0;
    auto store = make_store(folder.path());
    guest.attach(*store);
    EXPECT_EQ(store->statistics(DomainId{5})->ring, RingState::Broken);
    EXPECT_EQ(guest.page().error, static_cast<std::uint32_t>(RingError::Indexes));
    guest.page().connection = static_cast<std::uint32_t>(RingConnection::Reconnect);
    store = make_store(folder.path());  // killed before it saw the wish
    guest.attach(*store);
    while (store->run_pending()) {
    }
    EXPECT_EQ(guest.page().connection, 0u);
    EXPECT_EQ(guest.ask(*store, T::GetDomainPath, "5\0"s), "/local/domain/5");
}

TEST(Recovery, ARingThatStandsElsewhereIsClosed) {
    for (const bool requests : {false, true}) {
        const TemporaryFolder folder;
        Guest guest{DomainId{5}};
        make_store(folder.path())->introduce_domain(DomainId{5}, 1, 1, guest.port()).value();
        (requests ? guest.page().request_consumer : guest.page().response_producer) += 7;
        const auto store = make_store(folder.path());
        guest.attach(*store);
        EXPECT_EQ(store->statistics(DomainId{5})->ring, RingState::Broken);
        EXPECT_EQ(guest.page().error, static_cast<std::uint32_t>(RingError::Communication));
    }
}

}  // namespace
}  // namespace hvctld::store::test
