// Domains of vCPUs that always want to run, and how much they got.
#pragma once

#include <gtest/gtest.h>

#include <vector>

#include "hv/domain/runstate.hpp"
#include "hv/sched/sched.hpp"
#include "tests/unit/fakes/machine.hpp"

namespace sim {

inline constexpr hv::Nanoseconds kMillisecond = 1'000'000;

// CPUs 0 to count-1.
inline hv::CpuSet first_cpus(unsigned count) {
    hv::CpuSet set;
    set.set_all(count);
    return set;
}

struct Parameters {
    std::uint32_t vcpus = 1;
    std::uint32_t weight = 256;
    std::uint32_t cap = 0;
    std::uint32_t reservation = 0;
    hv::CpuSet hard = first_cpus(fake::kCpus);
};

inline hv::abi::control::SchedParameters shares(std::uint32_t weight, std::uint32_t cap = 0,
                                                std::uint32_t reservation = 0) {
    return {.domain = 0, .reserved0 = 0, .weight = weight, .cap = cap, .reservation = reservation};
}

// A domain whose vCPUs compute all the time.
inline hv::Domain& hogs(const Parameters& parameters) {
    hv::Domain& domain = fake::make_domain(parameters.vcpus);
    EXPECT_TRUE(hv::sched_set_parameters(domain, shares(parameters.weight, parameters.cap, parameters.reservation)));
    for (hv::VcpuId id : hv::ids<hv::VcpuId>(parameters.vcpus)) {
        EXPECT_TRUE(hv::sched_set_affinity(*domain.vcpu(id), &parameters.hard, nullptr));
        fake::bring_up(*domain.vcpu(id));
    }
    return domain;
}

inline double run_time(hv::Domain& domain) {
    double sum = 0;
    for (hv::VcpuId id : hv::ids<hv::VcpuId>(domain.max_vcpus))
        sum += static_cast<double>(hv::vcpu_run_time(*domain.vcpu(id)));
    return sum;
}

// Leaves an empty machine behind.
class Machine : public testing::Test {
  protected:
    void TearDown() override { fake::destroy_all(); }
};

// CPU time that each domain gets in `duration`, in CPUs.
inline std::vector<double> measure(const std::vector<hv::Domain*>& domains, hv::Nanoseconds duration) {
    std::vector<double> before;
    for (hv::Domain* domain : domains) before.push_back(run_time(*domain));
    fake::run_until(fake::now() + duration);
    std::vector<double> got;
    for (std::size_t i = 0; i < domains.size(); ++i)
        got.push_back((run_time(*domains[i]) - before[i]) / static_cast<double>(duration));
    return got;
}

}  // namespace sim
