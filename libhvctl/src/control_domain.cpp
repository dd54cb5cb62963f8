// Control operations on domains.
#include <fmt/format.h>

#include <algorithm>

#include "control_call.hpp"

namespace hvctl {

namespace {

constexpr std::uint32_t kBatch = 128;
constexpr std::uint32_t kFirstReservedDomain = kDomainSelf.raw;

Result<void> domain_only(HypercallPort& port, abi::Operation operation, DomainId domain, std::string_view verb) {
    return control_do(port, operation, abi::DomainOnly{domain.raw, {}}, fmt::format("{} domain {}", verb, domain.raw));
}

}  // namespace

Result<std::vector<abi::DomainInfo>> Control::list_domains() const {
    const HypercallBuffer buffer = TRY(port_.buffers().take(kBatch * sizeof(abi::DomainInfo)));
    std::vector<abi::DomainInfo> domains;
    std::uint32_t first = 0;
    while (first < kFirstReservedDomain) {
        abi::ListDomains argument{};
        argument.buffer = buffer.address();
        argument.record_size = sizeof(abi::DomainInfo);
        argument.capacity = kBatch;
        argument.first = static_cast<std::uint16_t>(first);
        TRY(control_call(port_, abi::Operation::ListDomains, argument, "list the domains"));
        const auto records = buffer.as<abi::DomainInfo>().first(std::min(argument.count, kBatch));
        domains.insert(domains.end(), records.begin(), records.end());
        if (argument.count < kBatch) break;
        first = records.back().domain + 1u;
    }
    return domains;
}

Result<abi::DomainInfo> Control::domain(DomainId domain) const {
    abi::GetDomain argument{};
    argument.domain = domain.raw;
    TRY(control_call(port_, abi::Operation::GetDomain, argument, fmt::format("ask about domain {}", domain.raw)));
    return argument.info;
}

Result<DomainId> Control::create_domain(DomainId wanted, abi::DomainType type, const Uuid& uuid,
                                        const DomainLimits& limits) const {
    abi::CreateDomain argument{};
    argument.domain = wanted.raw;
    argument.type = static_cast<std::uint32_t>(type);
    std::ranges::copy(uuid, argument.uuid);
    argument.max_frames = limits.max_frames;
    argument.max_vcpus = limits.max_vcpus;
    argument.max_event_ports = limits.max_event_ports;
    argument.max_grant_frames = limits.max_grant_frames;
    argument.max_maptrack_frames = limits.max_maptrack_frames;
    argument.max_grant_version = limits.max_grant_version;
    if (limits.linear_page_tables) argument.flags |= abi::kCreateLinearPageTables;
    TRY(control_call(port_, abi::Operation::CreateDomain, argument,
                     fmt::format("create {} ({} MiB at most, {} vCPUs)",
                                 wanted == kDomainAny ? "a domain" : fmt::format("domain {}", wanted.raw),
                                 limits.max_frames >> 8, limits.max_vcpus)));
    return DomainId{argument.domain};
}

Result<void> Control::destroy_domain(DomainId domain) const {
    return domain_only(port_, abi::Operation::DestroyDomain, domain, "destroy");
}

Result<void> Control::pause_domain(DomainId domain) const {
    return domain_only(port_, abi::Operation::PauseDomain, domain, "pause");
}

Result<void> Control::unpause_domain(DomainId domain) const {
    return domain_only(port_, abi::Operation::UnpauseDomain, domain, "unpause");
}

Result<void> Control::shutdown_domain(DomainId domain, abi::ShutdownReason reason) const {
    return control_do(port_, abi::Operation::ShutdownDomain,
                      abi::ShutdownDomain{domain.raw, 0, static_cast<std::uint32_t>(reason)},
                      fmt::format("stop domain {}", domain.raw));
}

Result<void> Control::set_max_memory(DomainId domain, std::uint64_t frames) const {
    return control_do(port_, abi::Operation::SetMaxMemory, abi::SetFrames{domain.raw, {}, frames},
                      fmt::format("set the most memory of domain {} to {} frames", domain.raw, frames));
}

Result<void> Control::set_claim(DomainId domain, std::uint64_t frames) const {
    return control_do(port_, abi::Operation::SetClaim, abi::SetFrames{domain.raw, {}, frames},
                      fmt::format("claim {} frames for domain {}", frames, domain.raw));
}

Result<void> Control::init_hypercall_page(DomainId domain, Mfn frame) const {
    return control_do(port_, abi::Operation::InitHypercallPage, abi::InitHypercallPage{domain.raw, {}, frame.raw},
                      fmt::format("write the hypercall page of domain {} (frame {:#x})", domain.raw, frame.raw));
}

Result<void> Control::seed_grants(DomainId domain, DomainId backend, Mfn console, Mfn store) const {
    abi::SeedGrants argument{};
    argument.domain = domain.raw;
    argument.backend = backend.raw;
    argument.console_gfn = console.raw;
    argument.store_gfn = store.raw;
    return control_do(port_, abi::Operation::SeedGrants, argument,
                      fmt::format("grant the rings of domain {} to domain {}", domain.raw, backend.raw));
}

Result<void> Control::set_uuid(DomainId domain, const Uuid& uuid) const {
    abi::SetUuid argument{};
    argument.domain = domain.raw;
    std::ranges::copy(uuid, argument.uuid);
    return control_do(port_, abi::Operation::SetUuid, argument, fmt::format("give domain {} another UUID", domain.raw));
}

}  // namespace hvctl
