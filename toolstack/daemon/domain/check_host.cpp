#include "domain/check_host.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "domain/check_definition.hpp"
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

Result<void> check_host(Hypervisor& hypervisor, const config::DomainDefinition& definition) {
    TRY(check_served(definition));
    const auto host = TRY(within("host information", Result<abi::GetHostInfo>{hypervisor.host_info()}));
    if (definition.max_vcpus > host.max_vcpus) {
        return fail(ErrorId::TooManyVcpus, fmt::format("{}: wants {} vCPUs, hv gives one domain at most {}",
                                                       definition.name, definition.max_vcpus, host.max_vcpus));
    }
    TRY(check_cpus(definition, host.cpus_online));
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
