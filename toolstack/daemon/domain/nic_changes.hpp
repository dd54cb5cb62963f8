// Network interfaces that come, go and change while a guest runs. What has changed is in the domain's definition
// afterwards: the guest has the same when it starts again.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "devices/network/nics.hpp"
#include "domain/context.hpp"
#include "domain/domains.hpp"
#include "domain/metering.hpp"
#include "domain/work.hpp"

namespace hvctld {

class NicChanges {
  public:
    NicChanges(Context& context, Domains& domains, Work& work, Metering& metering)
        : context_{context}, domains_{domains}, work_{work}, metering_{metering} {}

    // `nic` as a list of network interfaces in a domain file has it. Over when the guest has it; for a guest that is
    // paused, when it will find it.
    Result<JobId> attach(const std::string& domain, const std::string& nic);
    // Asks the guest to let go of it first, unless `force`. `which` is its number in the guest or its MAC address.
    Result<JobId> detach(const std::string& domain, const std::string& which, bool force);
    // `change` is a map with some of the keys addresses, rate, link, transfer_quota and over_quota: all of them are
    // changed, or none.
    Result<JobId> change(const std::string& domain, const std::string& which, const std::string& change);
    Result<std::vector<NicView>> list(const std::string& domain);
    // Whether what keeps a guest to its addresses does: see NetworkHost::check().
    void check(const std::string& domain, const std::string& which,
               const std::function<void(const Result<NicCheck>&)>& done);

  private:
    void put(Domain& domain, const config::NicDefinition& nic);
    void forget(Domain& domain, const config::NicDefinition& nic);

    Context& context_;
    Domains& domains_;
    Work& work_;
    Metering& metering_;
};

}  // namespace hvctld
