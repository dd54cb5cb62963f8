// The domain of the idle vCPUs: one per CPU, what runs when nothing else does.
#pragma once

#include <cstdint>

#include "hv/base/result.hpp"
#include "hv/base/types.hpp"

namespace hv {

class Domain;
class Vcpu;

// Bring-up, once, before any CPU schedules.
Result<> create_idle_domain(std::uint32_t cpus);
Vcpu& idle_vcpu(CpuId cpu);
bool is_idle(const Vcpu& vcpu);

}  // namespace hv
