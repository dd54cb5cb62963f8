// What has passed through guests' network interfaces over all of their lives, whatever became of the guest, of this
// daemon and of the host meanwhile; and what becomes of one whose quota of the month is used up.
//
// An interface is known by its domain's UUID and its MAC address. Dom0's kernel counts anew with each run of a guest;
// the counters at the last look are kept with the sum, so that a daemon that was killed misses nothing of a run that
// goes on.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "devices/network/nics.hpp"
#include "domain/context.hpp"
#include "domain/domains.hpp"
#include "registry/ledger.hpp"

namespace hvctld {

class NicTotals {
  public:
    NicTotals(Context& context, Domains& domains) : context_{context}, domains_{domains}, timer_{context.loop} {}
    NicTotals(const NicTotals&) = delete;
    NicTotals& operator=(const NicTotals&) = delete;

    // From here on they are kept in the ledger. Before it has answered nothing is added up.
    void begin(Ledger& ledger);
    // All guests; or one, which has interfaces that are about to go.
    void look();
    void look(const Domain& domain);
    // Puts the sums into what a caller sees.
    void add_to(const Domain& domain, std::vector<NicView>& views);

  private:
    using Key = std::pair<std::string, std::string>;  // UUID, MAC address

    void load(const Result<std::vector<LedgerNic>>& nics);
    LedgerNic& count(const Domain& domain, const config::MacAddress& mac, const NicReading& reading);
    void driver_moved(const Domain& domain, const std::string& interface);
    static void add(LedgerNic& nic, std::uint64_t bytes);
    void hold_to_quotas();

    Context& context_;
    Domains& domains_;
    Timer timer_;  // of quotas
    Timer again_{context_.loop};
    Ledger* ledger_ = nullptr;
    bool loaded_ = false;
    std::map<Key, LedgerNic> nics_;
};

}  // namespace hvctld
