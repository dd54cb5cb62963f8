#include "store/ring_client.hpp"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <utility>

#include <fmt/format.h>

#include "store/engine.hpp"
#include "store/requests.hpp"

namespace hvctld::store {

namespace {

constexpr unsigned kRequestsPerRound = 64;

std::uint32_t load(std::uint32_t& field) {
    return std::atomic_ref{field}.load(std::memory_order_acquire);
}
void publish(std::uint32_t& field, std::uint32_t value) {
    std::atomic_ref{field}.store(value, std::memory_order_release);
}
void publish(std::uint32_t& field, RingConnection value) {
    publish(field, static_cast<std::uint32_t>(value));
}
void publish(std::uint32_t& field, RingError value) {
    publish(field, static_cast<std::uint32_t>(value));
}

constexpr std::uint32_t masked(std::uint32_t index) {
    return index & (kRingSize - 1);
}

bool wants_reconnect(RingPage& page) {
    return load(page.connection) == static_cast<std::uint32_t>(RingConnection::Reconnect);
}

}  // namespace

RecordSink* RingClient::records() const {
    return engine_.records();
}

RingState RingClient::state() const {
    if (!attached()) return RingState::Absent;
    return broken_ == RingError::None && failing_ == RingError::None ? RingState::Running : RingState::Broken;
}

void RingClient::drop_queues() {
    input_ = {};
    output_.clear();
    input_changed_ = held_ = false;
}

void RingClient::connect(RingPort port) {
    port_ = std::move(port);
    drop_queues();
    broken_ = failing_ = RingError::None;
    restore_positions(load(port_.page->request_consumer), load(port_.page->response_producer));
    if (RecordSink* const sink = records()) sink->ring_positions(actor().domain, consumer_, producer_);
    publish(port_.page->server_features, kServerFeatureReconnect | kServerFeatureError);
    publish(port_.page->error, RingError::None);
    publish(port_.page->connection, RingConnection::Connected);
    notify_ = true;
    engine_.mark_dirty(*this);
    engine_.schedule(*this);
}

void RingClient::attach(RingPort port) {
    port_ = std::move(port);
    RingPage& page = *port_.page;
    publish(page.server_features, kServerFeatureReconnect | kServerFeatureError);
    if (!wants_reconnect(page) && broken_ == RingError::None) {
        const std::uint32_t delivered = load(page.response_producer) - producer_;
        const auto ahead = static_cast<std::int32_t>(load(page.request_consumer) - consumer_);
        if (delivered > output_.bytes() || ahead > 0) {
            fail(RingError::Communication, "the ring does not stand where the journal says");
        } else {
            output_.sent(delivered);
            producer_ += delivered;
        }
    }
    notify_ = true;
    if (broken_ != RingError::None) announce_ = Announce::Error;
    engine_.mark_dirty(*this);
    engine_.schedule(*this);
}

bool RingClient::take_chunk(std::uint32_t available) {
    char chunk[kRingSize];
    const std::size_t count = std::min<std::size_t>({available, input_.wanted(), kRingSize});
    const std::size_t first = std::min<std::size_t>(count, kRingSize - masked(consumer_));
    std::memcpy(chunk, port_.page->requests + masked(consumer_), first);
    std::memcpy(chunk + first, port_.page->requests, count - first);
    consumer_ += static_cast<std::uint32_t>(count);
    input_changed_ = true;
    return input_.append({chunk, count});
}

bool RingClient::serve() {
    if (!attached()) return false;
    engine_.about_to_change(*this);
    engine_.mark_dirty(*this);
    if (wants_reconnect(*port_.page)) {
        restart();
        return false;
    }
    for (unsigned handled = 0; broken_ == RingError::None && failing_ == RingError::None;) {
        held_ = output_.bytes() > kHoldBytes;
        if (held_) return false;
        if (handled == kRequestsPerRound) return true;
        const std::uint32_t available = load(port_.page->request_producer) - consumer_;
        if (available == 0) return false;
        if (available > kRingSize) {
            fail(RingError::Indexes, "its request producer is more than a ring ahead");
        } else if (take_chunk(available)) {
            handle_request(engine_, *this, input_.take());
            ++handled;
        } else if (input_.oversize()) {
            fail(RingError::Protocol, "it announced a message longer than the protocol allows");
        }
    }
    return false;
}

void RingClient::fail(RingError error, std::string_view why) {
    if (failing_ != RingError::None || broken_ != RingError::None) return;
    failing_ = error;
    engine_.mark_dirty(*this);
    engine_.log().limited(actor().domain, LogLevel::Warning, [&] {
        return fmt::format("store: connection of domain {} closed: {}; the domain may ask to reconnect",
                           actor().domain.raw, why);
    });
}

void RingClient::overflow() {
    fail(RingError::Communication, "it does not take its output (quota outstanding-bytes)");
}

void RingClient::restart() {
    drop_queues();
    forget_everything();
    broken_ = failing_ = RingError::None;
    restore_positions(0, 0);
    announce_ = Announce::Restart;
    if (RecordSink* const sink = records()) sink->ring_positions(actor().domain, 0, 0);
}

void RingClient::deliver(const Watch& watch, std::string_view path, bool first) {
    engine_.about_to_change(*this);
    WireClient::deliver(watch, path, first);
}

void RingClient::settle() {
    if (failing_ != RingError::None) {
        engine_.about_to_change(*this);
        broken_ = std::exchange(failing_, RingError::None);
        drop_queues();
        forget_everything();
        announce_ = Announce::Error;
        if (RecordSink* const sink = records()) sink->ring_broken(actor().domain, broken_);
    }
    if (!std::exchange(input_changed_, false)) return;
    if (RecordSink* const sink = records()) sink->ring_input(actor().domain, consumer_, input_.partial());
}

void RingClient::queued(const OutputQueue::Message& message) {
    RecordSink* const sink = records();
    if (sink == nullptr) return;
    if (recorded_producer_ != producer_) sink->ring_progress(actor().domain, producer_);
    recorded_producer_ = producer_;
    sink->ring_output(actor().domain, message);
}

void RingClient::announce() {
    RingPage& page = *port_.page;
    if (announce_ == Announce::Error) publish(page.error, broken_);
    if (announce_ == Announce::Restart) {
        for (std::uint32_t* const index :
             {&page.request_consumer, &page.request_producer, &page.response_consumer, &page.response_producer}) {
            publish(*index, 0);
        }
        publish(page.error, RingError::None);
        publish(page.connection, RingConnection::Connected);  // last: until then the domain waits
    }
    announce_ = Announce::Nothing;
    notify_ = true;
}

// Copies what fits into the page, without telling the domain.
bool RingClient::fill_responses() {
    RingPage& page = *port_.page;
    bool moved = false;
    while (!output_.empty()) {
        const std::uint32_t used = producer_ - load(page.response_consumer);
        if (used > kRingSize) {
            fail(RingError::Indexes, "its response consumer is outside the ring");
            break;
        }
        if (used == kRingSize) break;
        const std::string_view bytes = output_.front();
        const std::size_t room = std::min(kRingSize - used, kRingSize - masked(producer_));
        const std::size_t count = std::min<std::size_t>(bytes.size(), room);
        std::memcpy(page.responses + masked(producer_), bytes.data(), count);
        producer_ += static_cast<std::uint32_t>(count);
        output_.sent(count);
        moved = true;
    }
    return moved;
}

// A domain sends an event for room it made only if it had found the ring full, and for bytes it wrote only if it had
// found everything before them taken. What it did before it could see our new index comes without an event: hence one
// more look after each index is published.
void RingClient::push_output() {
    while (fill_responses()) {
        publish(port_.page->response_producer, producer_);
        std::atomic_thread_fence(std::memory_order_seq_cst);
        notify_ = true;
    }
}

void RingClient::publish_consumer() {
    if (load(port_.page->request_consumer) == consumer_) return;
    publish(port_.page->request_consumer, consumer_);
    std::atomic_thread_fence(std::memory_order_seq_cst);
    notify_ = true;
    if (!held_ && load(port_.page->request_producer) != consumer_) engine_.schedule(*this);
}

void RingClient::push() {
    if (!attached()) return;
    if (announce_ != Announce::Nothing) announce();
    if (broken_ == RingError::None && failing_ == RingError::None) {
        publish_consumer();
        push_output();
    }
    if (std::exchange(notify_, false) && port_.notify) port_.notify();
    if (held_ && output_.bytes() <= kHoldBytes) {
        held_ = false;
        engine_.schedule(*this);
    }
}

}  // namespace hvctld::store
