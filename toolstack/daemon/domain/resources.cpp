#include "domain/resources.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "config/parser.hpp"
#include "config/shares.hpp"
#include "domain/remembering.hpp"
#include "domain/scheduling.hpp"
#include "domain/store_entries.hpp"
#include "domain/store_writer.hpp"
#include "hvctl/try.hpp"

namespace hvctld {
namespace {

using config::format_size;

std::string target_path(const Domain& domain) {
    return domain_path(domain.id().raw) + "/memory/target";
}

// What a guest that runs was told when it started; it has made room for no more.
std::uint64_t started_with(store::Store& store, const Domain& domain) {
    const auto text = store.read(domain_path(domain.id().raw) + "/memory/static-max");
    std::uint64_t kib = 0;
    if (text) (void)std::from_chars(text->data(), text->data() + text->size(), kib);
    return kib * 1024;
}

std::string more_than(const std::string& name, std::uint64_t bytes, std::uint64_t most) {
    return fmt::format(
        "{0}: {1} is more than its max_memory, which is {2}; 'hvctl mem-max {0} {1}' raises that from its next start "
        "on",
        name, format_size(bytes), format_size(most));
}

Result<void> shares_changed(const std::string& change, config::DomainDefinition& definition) {
    config::Diagnostics diagnostics;
    if (config::parse_share_change(change, "change", definition, diagnostics)) return {};
    return fail(ErrorId::DefinitionInvalid, diagnostics.text());
}

}  // namespace

Result<Domain*> Resources::changeable(const std::string& text) {
    Domain* domain = TRY(domains_.find(text));
    TRY(work_.admit(*domain, Verb::Tune));
    TRY(Work::require_whole(*domain));
    TRY(require_registry(context_.registry));
    return domain;
}

void Resources::save(Domain& domain) {
    domains_.save_definition(domain);
    domains_.changed(domain);
}

Result<void> Resources::write_availability(std::uint16_t domid, std::uint32_t count, std::uint32_t most) {
    const std::string home = domain_path(domid);
    const store::Permissions readable{{store::kDom0, store::Access::None},
                                      {store::DomainId{domid}, store::Access::Read}};
    return write_together(context_.store, [&](StoreWriter& writer) {
        for (std::uint32_t vcpu = 0; vcpu < most; ++vcpu) {
            const std::string path = fmt::format("{}/cpu/{}/availability", home, vcpu);
            const std::string_view wanted = vcpu < count ? "online" : "offline";
            // A guest hears of a node that is written, whether it changes or not.
            if (context_.store.read(path).value_or("") != wanted) writer.write(path, wanted, readable);
        }
    });
}

Result<void> Resources::set_vcpus(const std::string& text, std::uint32_t count) {
    if (count == 0) return fail(ErrorId::InvalidArgument, fmt::format("{}: at least one vCPU stays online", text));
    if (names_dom0(text)) {
        const auto info = TRY(within(kDom0Name, Result<abi::DomainInfo>{context_.hypervisor.domain(hvctl::kDom0)}));
        if (count > info.max_vcpus) {
            return fail(ErrorId::NoSuchVcpu, fmt::format("{}: has {} vCPUs; hv's option dom0_max_vcpus gives it more",
                                                         kDom0Name, info.max_vcpus));
        }
        return write_availability(0, count, info.max_vcpus);
    }
    Domain* domain = TRY(changeable(text));
    if (count > domain->definition.max_vcpus) {
        return fail(ErrorId::NoSuchVcpu,
                    fmt::format("{}: {} vCPUs are more than its max_vcpus, which is {}; a domain file with more takes "
                                "effect when it is created again",
                                domain->record.name, count, domain->definition.max_vcpus));
    }
    if (domain->in_hv()) TRY(write_availability(domain->id().raw, count, domain->definition.max_vcpus));
    domain->definition.vcpus = count;
    save(*domain);
    return {};
}

// The limit first, so that the claim fits under it; the claim before the guest is asked, so that it finds the memory.
Result<void> Resources::move_target(Domain& domain, std::uint64_t bytes) {
    const std::uint64_t frames = bytes / hvctl::kPageSize;
    const auto info = TRY(within(domain.record.name, Result<abi::DomainInfo>{context_.hypervisor.domain(domain.id())}));
    const std::string context = fmt::format("{}: {} of memory", domain.record.name, format_size(bytes));
    TRY(within(context, Result<void>{context_.hypervisor.set_max_memory(domain.id(), frames)}));
    const std::uint64_t claimed_before = info.claimed_frames != 0 ? info.frames + info.claimed_frames : 0;
    const auto give_back = [&] {
        (void)context_.hypervisor.set_max_memory(domain.id(), info.max_frames);
        (void)context_.hypervisor.set_claim(domain.id(), claimed_before);
    };
    if (const auto claimed = context_.hypervisor.set_claim(domain.id(), frames); !claimed) {
        give_back();
        if (claimed.error().code() != hvctl::ErrorCode::NoMemory)
            return std::unexpected(Error{claimed.error()}.within(context));
        const auto host = TRY(within("host information", Result<abi::GetHostInfo>{context_.hypervisor.host_info()}));
        const std::uint64_t unclaimed = host.free_frames - std::min(host.claimed_frames, host.free_frames);
        return fail(ErrorId::NoMemory, fmt::format("{}: it has {} and wants {} more, the host has {} free",
                                                   domain.record.name, format_size(info.frames * hvctl::kPageSize),
                                                   format_size((frames - info.frames) * hvctl::kPageSize),
                                                   format_size(unclaimed * hvctl::kPageSize)));
    }
    const auto told = context_.store.write(target_path(domain), fmt::format("{}", bytes / 1024));
    if (told) return {};
    give_back();
    return fail(ErrorId::Internal,
                fmt::format("store entry {}: {}", target_path(domain), store::wire_name(told.error())));
}

Result<void> Resources::set_memory(const std::string& text, std::uint64_t bytes) {
    if (names_dom0(text)) {
        return fail(ErrorId::IsDom0,
                    "Domain-0 keeps the memory that hv's option dom0_mem gives it when the host boots; "
                    "see hv-command-line(7)");
    }
    Domain* domain = TRY(changeable(text));
    if (const std::string problem = config::problem_with_memory(bytes); !problem.empty())
        return fail(ErrorId::InvalidArgument, fmt::format("{}: {}", domain->record.name, problem));
    if (bytes > domain->definition.max_memory)
        return fail(ErrorId::LimitReached, more_than(domain->record.name, bytes, domain->definition.max_memory));
    if (domain->in_hv()) {
        if (const std::uint64_t most = started_with(context_.store, *domain); most != 0 && bytes > most) {
            return fail(ErrorId::LimitReached,
                        fmt::format("{}: has started with a max_memory of {}; it can have more when it starts again",
                                    domain->record.name, format_size(most)));
        }
        TRY(move_target(*domain, bytes));
    }
    domain->definition.memory = bytes;
    save(*domain);
    return {};
}

Result<bool> Resources::set_max_memory(const std::string& text, std::uint64_t bytes) {
    if (names_dom0(text)) {
        return fail(ErrorId::IsDom0,
                    "Domain-0's most memory is what hv's option dom0_mem=...,max: says; see "
                    "hv-command-line(7)");
    }
    Domain* domain = TRY(changeable(text));
    if (const std::string problem = config::problem_with_memory(bytes); !problem.empty())
        return fail(ErrorId::InvalidArgument, fmt::format("{}: {}", domain->record.name, problem));
    if (bytes < domain->definition.memory) {
        return fail(ErrorId::InvalidArgument,
                    fmt::format("{0}: {1} is less than its memory, which is {2}; 'hvctl mem-set {0} {1}' comes first",
                                domain->record.name, format_size(bytes), format_size(domain->definition.memory)));
    }
    domain->definition.max_memory = bytes;
    save(*domain);
    return !domain->in_hv() || bytes <= started_with(context_.store, *domain);
}

Result<void> Resources::set_host_shares(const std::string& change) {
    config::DomainDefinition changed = context_.dom0;
    TRY(shares_changed(change, changed));
    TRY(apply_shares(context_, hvctl::kDom0, changed));
    context_.dom0 = std::move(changed);
    return {};
}

Result<void> Resources::set_shares(const std::string& text, const std::string& change) {
    if (names_dom0(text)) return set_host_shares(change);
    Domain* domain = TRY(changeable(text));
    config::DomainDefinition changed = domain->definition;
    TRY(shares_changed(change, changed));
    if (domain->in_hv()) TRY(apply_shares(context_, domain->id(), changed));
    domain->definition = std::move(changed);
    save(*domain);
    return {};
}

Result<void> Resources::set_disk_limits(const std::string& text, const std::string& change) {
    if (names_dom0(text)) {
        return fail(ErrorId::IsDom0,
                    "Domain-0 has the disks themselves; what its own services may do is systemd's to limit, see "
                    "systemd.resource-control(5)");
    }
    Domain* domain = TRY(changeable(text));
    TRY(disk_limiter_.change(*domain, change));
    save(*domain);
    return {};
}

}  // namespace hvctld
