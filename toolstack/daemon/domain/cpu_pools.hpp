// CPU pools: which CPUs the domains of which pool may use. Every domain is in one; one whose definition names none is
// in the first, which has all CPUs that no other pool has. hv knows of CPUs alone: a domain's hard affinity is kept
// within its pool.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/errors.hpp"
#include "config/definition.hpp"

namespace hvctld {

class CpuPools {
  public:
    using Cpus = std::set<std::uint32_t>;

    // As text() has written it; what is not that is no pools at all.
    void load(std::string_view text);
    [[nodiscard]] std::string text() const;
    // The host has so many CPUs. What pools have beyond that they get when it has them.
    void set_host(std::uint32_t cpus) { host_ = cpus; }

    [[nodiscard]] std::vector<std::string> names() const;  // the first one first
    // CPUs that the host has. NoSuchPool.
    [[nodiscard]] Result<Cpus> cpus_of(std::string_view pool) const;
    // Whether there is nothing to keep domains from any CPU.
    [[nodiscard]] bool trivial() const { return pools_.empty() && unused_.empty(); }

    // Each changes all that is asked for, or nothing. `list` is as config::parse_cpu_list() has it.
    // Takes CPUs of the first pool, or of no pool.
    Result<void> create(const std::string& name, const std::string& list);
    // One without domains; its CPUs are the first pool's.
    Result<void> destroy(const std::string& name);
    Result<void> rename(const std::string& name, const std::string& new_name);
    Result<void> add(const std::string& name, const std::string& list);
    // They are in the first pool then.
    Result<void> remove(const std::string& name, const std::string& list);

    // The pool of the domain that hv has under that number; for reservations, which are kept by pool.
    std::function<std::string(std::uint16_t)> pool_of;
    // How many domains are in the pool, whether they run or not.
    std::function<std::size_t(std::string_view)> members_of;

  private:
    [[nodiscard]] Result<Cpus> parse(const std::string& list) const;
    [[nodiscard]] Cpus first() const;
    Result<void> require_free(const Cpus& cpus, const std::string& for_pool) const;
    Result<Cpus*> named(const std::string& name);

    std::uint32_t host_ = 0;
    std::map<std::string, Cpus, std::less<>> pools_;  // but the first
    Cpus unused_;
};

}  // namespace hvctld
