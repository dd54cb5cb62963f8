// What a domain has of the host's CPUs, memory and disks, changed while it is there. A guest that runs has the change
// at once, as far as it goes along; the definition has it, too, so that the domain has the same when it starts again.
// One that does not run has it from its next start on.
#pragma once

#include <cstdint>
#include <string>

#include "domain/context.hpp"
#include "domain/disk_limiter.hpp"
#include "domain/domains.hpp"
#include "domain/work.hpp"

namespace hvctld {

class Resources {
  public:
    Resources(Context& context, Domains& domains, Work& work, DiskLimiter& disk_limiter)
        : context_{context}, domains_{domains}, work_{work}, disk_limiter_{disk_limiter} {}

    // How many of its vCPUs are to be online: the guest is asked. Dom0's, too, which are not remembered.
    Result<void> set_vcpus(const std::string& domain, std::uint32_t count);
    // What its balloon driver is to reach, and hv's limit meanwhile: at most its max_memory. What it does not have yet
    // is claimed for it: NoMemory when the host has not that much.
    Result<void> set_memory(const std::string& domain, std::uint64_t bytes);
    // Up to where set_memory() may go. More than it started with only from its next start on: false then.
    Result<bool> set_max_memory(const std::string& domain, std::uint64_t bytes);
    // `change` is a map with some of the keys weight, cap and reservation: all of them are changed, or none. Dom0's,
    // too, which are not remembered.
    Result<void> set_shares(const std::string& domain, const std::string& change);
    // See DiskLimiter::change().
    Result<void> set_disk_limits(const std::string& domain, const std::string& change);

  private:
    // A guest that may be changed now.
    Result<Domain*> changeable(const std::string& text);
    void save(Domain& domain);
    Result<void> write_availability(std::uint16_t domid, std::uint32_t count, std::uint32_t most);
    Result<void> move_target(Domain& domain, std::uint64_t bytes);
    Result<void> set_host_shares(const std::string& change);

    Context& context_;
    Domains& domains_;
    Work& work_;
    DiskLimiter& disk_limiter_;
};

}  // namespace hvctld
