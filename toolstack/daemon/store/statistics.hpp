// What the store tells about itself and each domain. Counters start at zero with the daemon.
#pragma once

#include <cstdint>

#include "store/quota.hpp"
#include "store/types.hpp"

namespace hvctld::store {

enum class RingState : std::uint8_t {
    Absent,  // not introduced, or its ring has not been attached since the daemon started
    Running,
    Broken,  // the domain violated the protocol or a quota; it may ask to reconnect
};

struct DomainStatistics {
    DomainId domain;
    RingState ring = RingState::Absent;
    std::uint32_t nodes = 0;              // owned now
    std::uint32_t watches = 0;            // set now
    std::uint32_t transactions = 0;       // open now
    std::uint64_t memory = 0;             // as Quota::Memory counts
    std::uint64_t outstanding_bytes = 0;  // queued for the domain now
    std::uint64_t requests = 0;
    std::uint64_t events = 0;     // watch events queued
    std::uint64_t conflicts = 0;  // transactions that ended with EAGAIN
    Quotas quotas;
    QuotaCounters refusals{};  // per quota
};

struct StoreStatistics {
    std::uint64_t nodes = 0;
    std::uint64_t watches = 0;
    std::uint64_t generation = 0;
    std::uint64_t journal_bytes = 0;  // in the current journal file
    std::uint64_t compactions = 0;
    bool journal_failed = false;  // the directory refuses writes: a restart would lose changes made since
};

}  // namespace hvctld::store
