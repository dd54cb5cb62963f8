// What the journal consists of: each call of a RecordSink is one record. RecordWriter encodes them, replay_records()
// decodes them into another sink. A snapshot is made of the same records as the changes after it.
#pragma once

#include <string>
#include <string_view>

#include "store/effect.hpp"
#include "store/output_queue.hpp"
#include "store/quota.hpp"
#include "store/ring_page.hpp"
#include "store/types.hpp"

namespace hvctld::store {

class RecordSink {
  public:
    virtual ~RecordSink() = default;
    virtual void effect(const Effect& effect) = 0;
    virtual void special_permissions(const std::string& name, const Permissions& permissions) = 0;

    virtual void domain_introduced(DomainId domain, std::uint64_t gfn, std::uint32_t port) = 0;
    virtual void domain_released(DomainId domain) = 0;
    virtual void target_set(DomainId domain, DomainId target) = 0;
    virtual void default_quota(Quota quota, std::uint32_t limit) = 0;
    virtual void domain_quota(DomainId domain, Quota quota, std::uint32_t limit) = 0;

    virtual void watch_added(DomainId domain, const std::string& path, const std::string& token,
                             std::uint32_t relative_prefix) = 0;
    virtual void watch_removed(DomainId domain, const std::string& path, const std::string& token) = 0;
    virtual void transaction_started(DomainId domain, TransactionId id) = 0;
    virtual void transaction_ended(DomainId domain, TransactionId id) = 0;
    virtual void transaction_counter(DomainId domain, TransactionId last) = 0;
    // Watches and transactions of the domain are gone.
    virtual void client_reset(DomainId domain) = 0;

    // Where the ring stands, with nothing half read and nothing queued.
    virtual void ring_positions(DomainId domain, std::uint32_t request_consumer, std::uint32_t response_producer) = 0;
    // Requests were read up to here, `partial` being the beginning of one that is not complete.
    virtual void ring_input(DomainId domain, std::uint32_t request_consumer, const std::string& partial) = 0;
    virtual void ring_output(DomainId domain, const OutputQueue::Message& message) = 0;
    // Output has been put in the ring up to here.
    virtual void ring_progress(DomainId domain, std::uint32_t response_producer) = 0;
    virtual void ring_broken(DomainId domain, RingError error) = 0;
};

class RecordWriter final : public RecordSink {
  public:
    std::string& buffer() { return buffer_; }

    void effect(const Effect& effect) override;
    void special_permissions(const std::string& name, const Permissions& permissions) override;
    void domain_introduced(DomainId domain, std::uint64_t gfn, std::uint32_t port) override;
    void domain_released(DomainId domain) override;
    void target_set(DomainId domain, DomainId target) override;
    void default_quota(Quota quota, std::uint32_t limit) override;
    void domain_quota(DomainId domain, Quota quota, std::uint32_t limit) override;
    void watch_added(DomainId domain, const std::string& path, const std::string& token,
                     std::uint32_t relative_prefix) override;
    void watch_removed(DomainId domain, const std::string& path, const std::string& token) override;
    void transaction_started(DomainId domain, TransactionId id) override;
    void transaction_ended(DomainId domain, TransactionId id) override;
    void transaction_counter(DomainId domain, TransactionId last) override;
    void client_reset(DomainId domain) override;
    void ring_positions(DomainId domain, std::uint32_t request_consumer, std::uint32_t response_producer) override;
    void ring_input(DomainId domain, std::uint32_t request_consumer, const std::string& partial) override;
    void ring_output(DomainId domain, const OutputQueue::Message& message) override;
    void ring_progress(DomainId domain, std::uint32_t response_producer) override;
    void ring_broken(DomainId domain, RingError error) override;

  private:
    std::string buffer_;
};

// False: the bytes are no sequence of records; those before the damage were delivered.
bool replay_records(std::string_view bytes, RecordSink& sink);

}  // namespace hvctld::store
