// What each domain was promised and what it got, hour by hour: /var/lib/hvctl/ledger.db. Apart from the registry: it is
// large, and no guest waits for it. What its file does not take is kept in memory and offered again; a daemon that is
// killed loses what came after the last time that it was written.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/disk_thread.hpp"
#include "base/errors.hpp"
#include "base/loop.hpp"

namespace hvctld {

// Sums over a time. CPU times are in nanoseconds, of all vCPUs together.
struct LedgerSums {
    std::uint64_t running = 0;    // how long it ran, in nanoseconds of the host's clock; not paused
    std::uint64_t promised = 0;   // its reservation over that time
    std::uint64_t delivered = 0;  // CPU time that it has used
    std::uint64_t stolen = 0;     // that its vCPUs wanted to run and had to wait, for a cap of its own, too
    std::uint64_t missing = 0;    // of what was promised and wanted, what it did not get
    std::uint64_t memory_mib_seconds = 0;
    std::uint64_t disk_read_bytes = 0;
    std::uint64_t disk_written_bytes = 0;
    std::uint64_t received_bytes = 0;  // by its network interfaces
    std::uint64_t sent_bytes = 0;

    LedgerSums& operator+=(const LedgerSums& other);
};

struct LedgerEntry {
    std::string uuid;
    std::string name;
    std::uint64_t hour = 0;  // since the epoch; of several, the first
    LedgerSums sums;
};

// A network interface of a domain over all of its life, known by its MAC address, and its counters when they were read
// last: the next reading adds what came after that.
struct LedgerNic {
    using Counters = std::array<std::uint64_t, 4>;  // received bytes and packets, sent bytes and packets
    std::string uuid;                               // the domain's
    std::string mac;
    std::string boot;       // of the host, and the interface of Dom0 then
    std::string interface;  // vif3.0
    Counters seen{};
    Counters total{};
    std::uint64_t month = 0;  // 202611
    std::uint64_t month_bytes = 0;
    std::uint64_t month_before = 0;
    std::uint64_t bytes_before = 0;
    std::uint64_t hour = 0;  // when it was looked at, since the epoch
    bool restarted = false;  // not kept: its counters are about to begin anew
};

class Ledger {
  public:
    static constexpr std::uint64_t kDaysKept = 400;
    static constexpr std::uint64_t kMostRows = 20'000;  // of an answer

    Ledger(Loop& loop, std::string path);
    Ledger(const Ledger&) = delete;
    Ledger& operator=(const Ledger&) = delete;

    // Adds to an hour of a domain.
    void add(const LedgerEntry& entry);
    // The row of a network interface, in place of the one before.
    void keep(const LedgerNic& nic);
    // All of them. `answer` comes later.
    void ask_nics(const std::function<void(const Result<std::vector<LedgerNic>>&)>& answer);
    // Offers to the file what it does not have yet.
    void flush();
    // The same at the end of the process: waits until it is written, or cannot be.
    void finish();
    // What is known of the domain that has or had that name (empty: of each) from `first_hour` on, a row for each
    // `hours` hours (0: one for all) and domain, in the order of their times and names. `answer` comes before this
    // returns, or later.
    using Answer = std::function<void(const Result<std::vector<LedgerEntry>>&)>;
    void ask(const std::string& name, std::uint64_t first_hour, std::uint64_t hours, const Answer& answer);

  private:
    struct File;
    using Key = std::pair<std::string, std::uint64_t>;  // UUID, hour

    void write_pending(DiskThread::Wait wait);

    std::string path_;

    std::shared_ptr<File> file_;  // the thread's
    std::map<Key, LedgerEntry> pending_;
    std::map<std::pair<std::string, std::string>, LedgerNic> pending_nics_;  // by UUID and MAC address
    bool under_way_ = false;
    bool told_ = false;  // that the file takes nothing
    DiskThread thread_;
};

}  // namespace hvctld
