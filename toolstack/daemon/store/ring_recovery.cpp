// RingClient: what the journal says about a ring.
#include "store/engine.hpp"
#include "store/ring_client.hpp"

namespace hvctld::store {

void RingClient::write_snapshot(RecordSink& sink) const {
    Client::write_snapshot(sink);
    const DomainId domain = actor().domain;
    // The first queued message may be sent in part: its beginning lies before the ring's producer.
    sink.ring_positions(domain, consumer_, producer_ - static_cast<std::uint32_t>(output_.front_sent()));
    sink.ring_input(domain, consumer_, input_.partial());
    for (const OutputQueue::Message& message : output_.messages()) sink.ring_output(domain, message);
    sink.ring_progress(domain, producer_);
    if (broken_ != RingError::None) sink.ring_broken(domain, broken_);
}

void RingClient::restore_positions(std::uint32_t request_consumer, std::uint32_t response_producer) {
    drop_queues();
    broken_ = RingError::None;
    consumer_ = request_consumer;
    producer_ = recorded_producer_ = response_producer;
}

void RingClient::restore_input(std::uint32_t request_consumer, std::string partial) {
    consumer_ = request_consumer;
    input_.restore(std::move(partial));
}

void RingClient::restore_progress(std::uint32_t response_producer) {
    const std::uint32_t delivered = response_producer - producer_;
    if (delivered > output_.bytes()) return;  // cannot be; attach() will find the ring elsewhere
    output_.sent(delivered);
    producer_ = recorded_producer_ = response_producer;
}

void RingClient::restore_broken(RingError error) {
    drop_queues();
    broken_ = error;
}

}  // namespace hvctld::store
