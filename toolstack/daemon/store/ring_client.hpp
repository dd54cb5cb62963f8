// A domain on its ring. The page belongs to the domain: indexes are checked each time, request bytes are copied once,
// and the store's own positions are kept here and never read back. Whatever the domain does to the page, only its own
// connection suffers.
//
// Exactly once across kill -9: the requests' effects, the position up to which they were read and the replies are one
// journal frame, and the page is told only afterwards. Before the frame is written nothing has happened and the
// domain's bytes are still in the ring; afterwards recovery knows the replies, and the page's response producer tells
// how many of their bytes were already delivered.
#pragma once

#include "store/client.hpp"
#include "store/ring_page.hpp"
#include "store/statistics.hpp"

namespace hvctld::store {

class RingClient final : public WireClient {
  public:
    RingClient(Engine& engine, DomainId domain) : WireClient(engine, Actor{domain, std::nullopt}) {}

    void connect(RingPort port);  // a new ring: starts at the positions in the page
    void attach(RingPort port);   // after a restart: goes on at the positions in the journal
    bool attached() const { return port_.page != nullptr; }
    RingState state() const;

    // The engine's marks.
    bool scheduled = false;      // it waits in Engine's list
    std::uint64_t saved_by = 0;  // the number of the last compaction that has this ring

    // Takes requests from the ring. True: there is more than one round may take.
    bool serve();

    void deliver(const Watch& watch, std::string_view path, bool first) override;
    void settle() override;
    void push() override;
    void write_snapshot(RecordSink& sink) const override;
    bool recorded() const override { return true; }

    // Recovery.
    void restore_positions(std::uint32_t request_consumer, std::uint32_t response_producer);
    void restore_input(std::uint32_t request_consumer, std::string partial);
    void restore_output(OutputQueue::Message message) { output_.push(std::move(message)); }
    void restore_progress(std::uint32_t response_producer);
    void restore_broken(RingError error);

  protected:
    void overflow() override;
    void queued(const OutputQueue::Message& message) override;
    RecordSink* records() const override;

  private:
    // What has to be written to the page after the next flush.
    enum class Announce : std::uint8_t { Nothing, Error, Restart };

    void fail(RingError error, std::string_view why);  // takes effect in settle()
    void restart();                                    // the domain asked to reconnect
    bool take_chunk(std::uint32_t available);
    void announce();
    bool fill_responses();
    void push_output();
    void publish_consumer();
    void drop_queues();

    RingPort port_;
    std::uint32_t consumer_ = 0;  // of requests; ours
    std::uint32_t producer_ = 0;  // of responses; ours
    std::uint32_t recorded_producer_ = 0;
    bool input_changed_ = false;
    bool held_ = false;  // requests wait until the domain takes its output
    bool notify_ = false;
    RingError failing_ = RingError::None;
    RingError broken_ = RingError::None;
    Announce announce_ = Announce::Nothing;
};

}  // namespace hvctld::store
