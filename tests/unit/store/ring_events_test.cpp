// A domain on a CPU of its own that saves events the way Linux does: for bytes only if the store had taken all before
// them, for room only if the ring had been full. Neither side may end up waiting for an event that is never sent.
#include <atomic>
#include <chrono>
#include <thread>

#include <gtest/gtest.h>

#include "guest.hpp"

namespace hvctld::store::test {
namespace {

// An event channel. Waiting is spinning: a thread that slept would come too late for the moments that matter here.
class Event {
  public:
    void send() { pending_ = true; }
    // False: nothing came for so long that nothing will.
    bool wait() {
        const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{60};
        while (!pending_.exchange(false)) {
            if (std::chrono::steady_clock::now() > deadline) return false;
        }
        return true;
    }

  private:
    std::atomic<bool> pending_ = false;
};

class Domain {
  public:
    explicit Domain(RingPage& page) : page_(page) {}
    Event to_domain, to_store;

    // One request and its whole reply. False: stuck.
    bool call(std::string_view body, std::size_t reply) {
        const MessageHeader header{static_cast<std::uint32_t>(MessageType::Read), 1, 0,
                                   static_cast<std::uint32_t>(body.size())};
        return write({reinterpret_cast<const char*>(&header), sizeof header}) && write(body) &&
               take(sizeof header + reply);
    }

  private:
    static std::uint32_t load(std::uint32_t& field) { return std::atomic_ref{field}.load(); }

    bool write(std::string_view bytes) {
        while (!bytes.empty()) {
            const std::uint32_t before = page_.request_producer;
            if (before - load(page_.request_consumer) == kRingSize) {
                if (!to_domain.wait()) return false;
                continue;
            }
            page_.requests[before % kRingSize] = bytes.front();
            bytes.remove_prefix(1);
            // In one piece if possible, as memcpy() does.
            std::uint32_t producer = before + 1;
            while (!bytes.empty() && producer - load(page_.request_consumer) < kRingSize) {
                page_.requests[producer++ % kRingSize] = bytes.front();
                bytes.remove_prefix(1);
            }
            std::atomic_ref{page_.request_producer}.store(producer);
            if (static_cast<std::int32_t>(load(page_.request_consumer) - before) >= 0) to_store.send();
        }
        return true;
    }

    bool take(std::size_t count) {
        while (count > 0) {
            const std::uint32_t before = page_.response_consumer;
            const std::uint32_t there = load(page_.response_producer) - before;
            if (there == 0) {
                if (!to_domain.wait()) return false;
                continue;
            }
            const auto taken = static_cast<std::uint32_t>(std::min<std::size_t>(there, count));
            std::atomic_ref{page_.response_consumer}.store(before + taken);
            count -= taken;
            if (load(page_.response_producer) - before >= kRingSize) to_store.send();
        }
        return true;
    }

    RingPage& page_;
};

void exchange(std::size_t value_length, int calls) {
    const auto store = make_store();
    Guest guest{DomainId{3}};
    Domain domain{guest.page()};
    guest.on_notify = [&] { domain.to_domain.send(); };
    guest.introduce(*store);
    ASSERT_TRUE(store->write("/value", std::string(value_length, 'v')));
    ASSERT_TRUE(store->set_permissions("/value", {{kDom0, Access::Read}}));

    std::atomic<bool> done = false;
    bool stuck = false;
    std::thread cpu{[&] {
        for (int i = 0; i < calls && !stuck; ++i) stuck = !domain.call("/value\0"s, value_length);
        done = true;
        domain.to_store.send();
    }};
    while (!done) {
        if (!domain.to_store.wait()) break;
        store->ring_event(guest.domain());
        while (store->run_pending()) {
        }
    }
    cpu.join();
    EXPECT_FALSE(stuck);
}

TEST(RingEvents, HeaderAndBodyOfARequestInTwoSteps) {
    exchange(10, 20'000);
}

TEST(RingEvents, RepliesLongerThanTheRing) {
    exchange(3000, 10'000);
}

}  // namespace
}  // namespace hvctld::store::test
