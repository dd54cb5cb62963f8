// CPU pools as an administrator makes and changes them: at once, for all domains that run, and for good.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "domain/context.hpp"
#include "domain/domains.hpp"
#include "domain/work.hpp"

namespace hvctld {

struct PoolView {
    std::string name;
    std::string cpus;  // "0-1,3"
    std::uint32_t count = 0;
    std::vector<std::string> domains;  // in it, whether they run or not
};

class PoolChanges {
  public:
    PoolChanges(Context& context, Domains& domains, Work& work);

    // From the registry. Before the domains are served.
    void load();
    // When they are: what a kill has left undone.
    void apply_again();
    [[nodiscard]] std::vector<PoolView> list();
    // See cpu_pools.hpp.
    Result<void> create(const std::string& name, const std::string& cpus);
    Result<void> destroy(const std::string& name);
    Result<void> rename(const std::string& name, const std::string& new_name);
    Result<void> add(const std::string& name, const std::string& cpus);
    Result<void> remove(const std::string& name, const std::string& cpus);
    // Puts a domain into a pool. Dom0 stays in the first.
    Result<void> move(const std::string& domain, const std::string& pool);

  private:
    Result<void> change(const std::function<Result<void>(CpuPools&)>& what);
    Result<void> apply();
    Result<void> check_reservations();

    Context& context_;
    Domains& domains_;
    Work& work_;
};

}  // namespace hvctld
