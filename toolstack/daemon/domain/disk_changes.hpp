// Disks that come and go while a guest runs. What has changed is in the domain's definition afterwards: the guest has
// the same disks when it starts again.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "devices/block/disks.hpp"
#include "domain/context.hpp"
#include "domain/domains.hpp"
#include "domain/work.hpp"

namespace hvctld {

class DiskChanges {
  public:
    DiskChanges(Context& context, Domains& domains, Work& work) : context_{context}, domains_{domains}, work_{work} {}

    // `disk` as a list of disks in a domain file has it; without a target it is given the first xvd that is free. Over
    // when the guest has the disk; for a guest that is paused, when it will find it.
    Result<JobId> attach(const std::string& domain, const std::string& disk);
    // Asks the guest to let go of it first, unless `force`.
    Result<JobId> detach(const std::string& domain, const std::string& target, bool force);
    // Makes the file behind a disk larger.
    Result<JobId> resize(const std::string& domain, const std::string& target, std::uint64_t bytes);
    Result<std::vector<DiskView>> list(const std::string& domain);

  private:
    Result<const config::DiskDefinition*> find(const Domain& domain, const std::string& target);
    Result<void> choose_target(const Domain& domain, config::DiskDefinition& disk);
    void forget(Domain& domain, const config::DiskDefinition& disk);

    Context& context_;
    Domains& domains_;
    Work& work_;
};

}  // namespace hvctld
