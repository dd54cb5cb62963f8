#include "domain/scheduling.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "hvctl/try.hpp"

namespace hvctld {
namespace {

hvctl::CpuBitmap bitmap_of(const std::vector<config::CpuList>& lists, std::uint32_t vcpu, std::uint32_t cpus) {
    if (lists.empty()) return {};
    const config::CpuList& list = lists[std::min<std::size_t>(vcpu, lists.size() - 1)];
    hvctl::CpuBitmap bitmap((cpus + 7) / 8);
    for (std::uint32_t cpu = 0; cpu < cpus; ++cpu) {
        if (list.all || std::ranges::binary_search(list.cpus, cpu))
            bitmap[cpu / 8] = static_cast<std::uint8_t>(bitmap[cpu / 8] | 1u << cpu % 8);
    }
    return bitmap;
}

}  // namespace

Result<void> apply_scheduling(Hypervisor& hypervisor, DomainId domain, const config::DomainDefinition& definition) {
    const auto host = TRY(within("host information", Result<abi::GetHostInfo>{hypervisor.host_info()}));
    abi::SchedParameters parameters{};
    parameters.domain = domain.raw;
    parameters.weight = definition.cpu_weight;
    parameters.cap = definition.cpu_cap;
    parameters.reservation = definition.cpu_reservation;
    TRY(within(definition.name + ": CPU shares", Result<void>{hypervisor.set_sched_parameters(parameters)}));
    if (definition.cpus.empty() && definition.cpus_soft.empty()) return {};
    for (std::uint32_t vcpu = 0; vcpu < definition.max_vcpus; ++vcpu) {
        const hvctl::VcpuCpus affinity{bitmap_of(definition.cpus, vcpu, host.cpus_online),
                                       bitmap_of(definition.cpus_soft, vcpu, host.cpus_online)};
        TRY(within(fmt::format("{}: affinity of vCPU {}", definition.name, vcpu),
                   Result<void>{hypervisor.set_vcpu_affinity(domain, VcpuId{vcpu}, affinity)}));
    }
    return {};
}

}  // namespace hvctld
