#include "domain/check_host.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "domain/check_definition.hpp"
#include "domain/scheduling.hpp"
#include "hvctl/try.hpp"

namespace hvctld {
namespace {

constexpr std::uint64_t kMiB = 1 << 20;

Result<void> check_cpus(const config::DomainDefinition& definition, std::uint32_t cpus) {
    for (const auto* lists : {&definition.cpus, &definition.cpus_soft}) {
        for (const config::CpuList& list : *lists) {
            if (list.all || list.cpus.front() < cpus) continue;
            return fail(ErrorId::NoSuchCpu,
                        fmt::format("{}: {}: the host has CPUs 0-{}, none of which is in {}", definition.name,
                                    lists == &definition.cpus ? "cpus" : "cpus_soft", cpus - 1, format_cpu_list(list)));
        }
    }
    return {};
}

}  // namespace

Result<void> check_vcpus(const Context& context, const config::DomainDefinition& definition) {
    const std::uint32_t vcpus_per_cpu = context.settings.vcpus_per_cpu;
    if (vcpus_per_cpu == 0) return {};
    const auto host = TRY(within("host information", Result<abi::GetHostInfo>{context.hypervisor.host_info()}));
    const std::uint32_t cpus = host.cpus_online;
    std::uint64_t others = 0;
    for (const abi::DomainInfo& info :
         TRY(within("list domains", Result<std::vector<abi::DomainInfo>>{context.hypervisor.list_domains()}))) {
        if (info.domain != 0) others += info.max_vcpus;
    }
    const std::uint64_t most = std::uint64_t{vcpus_per_cpu} * cpus;
    if (others + definition.max_vcpus <= most) return {};
    return fail(ErrorId::NoCpu,
                fmt::format("{}: wants {} vCPUs, the host's guests have {} and may have {} (vcpus_per_cpu: {} on {} "
                            "CPUs, see hvctl.yaml(5))",
                            definition.name, definition.max_vcpus, others, most, vcpus_per_cpu, cpus));
}

Result<void> check_host(const Context& context, const config::DomainDefinition& definition) {
    TRY(check_served(definition));
    const auto host = TRY(within("host information", Result<abi::GetHostInfo>{context.hypervisor.host_info()}));
    if (definition.max_vcpus > host.max_vcpus) {
        return fail(ErrorId::TooManyVcpus, fmt::format("{}: wants {} vCPUs, hv gives one domain at most {}",
                                                       definition.name, definition.max_vcpus, host.max_vcpus));
    }
    if (definition.disk_limits.any()) TRY(within(definition.name, context.blocks->check_limits()));
    TRY(check_cpus(definition, host.cpus_online));
    TRY(check_vcpus(context, definition));
    TRY(check_pool(context, definition));
    TRY(check_reservation(context, hvctl::kDomainAny, definition));
    const std::uint64_t unclaimed = host.free_frames - std::min(host.claimed_frames, host.free_frames);
    if (definition.memory / hvctl::kPageSize > unclaimed) {
        // What is free is no round number, and a smaller one is as true: whole MiB are what a file would say.
        const std::uint64_t free_bytes = unclaimed * hvctl::kPageSize;
        return fail(ErrorId::NoMemory,
                    fmt::format("{}: wants {}, the host has {} free; give it less memory or destroy another domain",
                                definition.name, config::format_size(definition.memory),
                                config::format_size(free_bytes >= kMiB ? free_bytes / kMiB * kMiB : free_bytes)));
    }
    return {};
}

}  // namespace hvctld
