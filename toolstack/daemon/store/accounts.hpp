// What each domain uses of the store, what it may use, and how often it was refused.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>
#include <unordered_map>

#include "store/log.hpp"
#include "store/quota.hpp"
#include "store/types.hpp"

namespace hvctld::store {

struct Account {
    QuotaCounters refusals{};
    std::int64_t nodes = 0;
    std::int64_t node_bytes = 0;
    // What its open transactions hold; shared with them, which give it back.
    std::shared_ptr<std::uint64_t> transaction_bytes = std::make_shared<std::uint64_t>(0);
    std::uint32_t watches = 0;
    std::uint32_t transactions = 0;
    std::uint64_t requests = 0;
    std::uint64_t events = 0;
    std::uint64_t conflicts = 0;
};

class Accounts {
  public:
    Accounts(const Quotas& defaults, Log& log) : defaults_(defaults), log_(log) {}

    Account& of(DomainId domain) { return accounts_[domain]; }
    const Account* find(DomainId domain) const;
    // Bytes in all, as Quota::Memory counts.
    std::uint64_t memory(DomainId domain) const;
    void forget(DomainId domain) {
        accounts_.erase(domain);
        own_quotas_.erase(domain);
    }

    const Quotas& defaults() const { return defaults_; }
    void set_defaults(const Quotas& quotas) { defaults_ = quotas; }
    const Quotas& quotas(DomainId domain) const;
    void set_quota(DomainId domain, Quota quota, std::uint32_t limit);

    // May `domain` use `wanted` in all? A refusal is counted and told to the log.
    bool admit(DomainId domain, Quota quota, std::uint64_t wanted);

    const std::unordered_map<DomainId, Account>& all() const { return accounts_; }
    const std::unordered_map<DomainId, Quotas>& own_quotas() const { return own_quotas_; }

  private:
    Quotas defaults_;
    Log& log_;
    std::unordered_map<DomainId, Account> accounts_;
    std::unordered_map<DomainId, Quotas> own_quotas_;
};

}  // namespace hvctld::store
