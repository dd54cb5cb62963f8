// What domains use of the host: at a moment, for clients that ask; and, hour by hour, for the ledger.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "domain/context.hpp"
#include "domain/domains.hpp"
#include "domain/nic_totals.hpp"
#include "registry/ledger.hpp"

namespace hvctld {

// Counters since the domain was started, or since its device was attached. Times are in nanoseconds.
struct DomainUsage {
    std::string name;
    std::string uuid;
    std::uint16_t domid = 0;
    std::string state;
    bool stands = false;  // none of its vCPUs may run: it is paused, waits for room on a disk, or has ended
    std::uint64_t memory = 0;
    std::uint64_t max_memory = 0;
    std::uint32_t vcpus = 0;
    std::uint64_t cpu_time = 0;
    std::uint64_t steal_time = 0;  // its vCPUs wanted to run and waited
    std::map<std::string, DiskCounters> disks;
    std::map<std::string, NicCounters> nics;
};

struct HostUsage {
    std::uint64_t at = 0;  // CLOCK_MONOTONIC
    std::uint32_t cpus = 0;
    std::uint64_t memory = 0;
    std::uint64_t free_memory = 0;
    std::vector<DomainUsage> domains;  // that run, Dom0 first
};

class Metering {
  public:
    Metering(Context& context, Domains& domains);
    ~Metering();
    Metering(const Metering&) = delete;
    Metering& operator=(const Metering&) = delete;

    // From here on the ledger is written, where the host has one.
    void begin();
    // Not older than a second: clients may ask often, and a recent answer is given again.
    Result<HostUsage> usage();
    // NotSupported without a ledger. NoSuchDomain for a name that neither is nor was one.
    void guarantees(const std::string& domain, std::uint64_t since_us, std::uint64_t hours,
                    const Ledger::Answer& answer);
    // What a guest that is about to be freed, or to lose a device, has used since the last time, into the ledger.
    void last_of(const Domain& domain);
    [[nodiscard]] NicTotals& nic_totals() { return nic_totals_; }

  private:
    struct Seen {
        std::uint64_t at = 0;
        DomainUsage usage;
    };

    Result<HostUsage> look();
    DomainUsage look_at(const Domain& domain, const abi::DomainInfo& info);
    // The same of all domains.
    void sample();
    void account(DomainUsage now, std::uint64_t at);
    void add(const DomainUsage& before, const DomainUsage& now, std::uint64_t elapsed);

    Context& context_;
    Domains& domains_;
    std::unique_ptr<Ledger> ledger_;
    NicTotals nic_totals_{context_, domains_};
    Timer timer_;
    HostUsage shown_;                   // by usage(), last
    std::map<std::string, Seen> last_;  // by UUID
    std::uint64_t sampled_at_ = 0;
    std::uint64_t began_at_ = 0;
    std::uint64_t flushed_at_ = 0;
};

}  // namespace hvctld
