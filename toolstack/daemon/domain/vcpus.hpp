// vCPUs: where they run and where they may, of guests and of Dom0; and whether a guest's run at all.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "domain/context.hpp"
#include "domain/domains.hpp"
#include "domain/work.hpp"

namespace hvctld {

struct VcpuView {
    std::uint32_t vcpu = 0;
    std::uint32_t cpu = 0;
    std::string state;
    bool online = false;
    std::uint64_t cpu_time = 0;
    std::uint64_t steal_time = 0;
    std::string hard_affinity;
    std::string soft_affinity;
};

class Vcpus {
  public:
    Vcpus(Context& context, Domains& domains, Work& work)
        : context_{context}, hypervisor_{context.hypervisor}, domains_{domains}, work_{work} {}

    Result<std::vector<VcpuView>> list(const std::string& domain);
    // `vcpu` nothing: all. An empty list leaves that affinity as it is. Remembered, but for Dom0.
    Result<void> pin(const std::string& domain, std::optional<std::uint32_t> vcpu, const std::string& hard,
                     const std::string& soft);
    Result<void> pause(const std::string& domain);
    Result<void> unpause(const std::string& domain);

  private:
    // The domain and how many it has.
    Result<std::pair<DomainId, std::uint32_t>> of(const std::string& text);
    Result<Domain*> whole(const std::string& text, Verb asked);

    Context& context_;
    Hypervisor& hypervisor_;
    Domains& domains_;
    Work& work_;
};

}  // namespace hvctld
