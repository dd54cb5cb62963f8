// Puts the engine into the state that the journal tells of.
#pragma once

#include "store/record.hpp"

namespace hvctld::store {

class Engine;
class RingClient;

class Recovery final : public RecordSink {
  public:
    explicit Recovery(Engine& engine) : engine_(engine) {}
    std::uint64_t misfits() const { return misfits_; }  // records that did not fit; 0 unless the file was tampered with

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
    RingClient* ring(DomainId domain);  // nullptr and counted: the domain is not known
    void check(bool fits) { misfits_ += fits ? 0 : 1; }
    Engine& engine_;
    std::uint64_t misfits_ = 0;
};

}  // namespace hvctld::store
