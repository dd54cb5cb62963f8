#include "domain/domains.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "config/values.hpp"
#include "devices/block/disks.hpp"
#include "devices/cloud_init/seed.hpp"
#include "devices/guest_console.hpp"
#include "devices/memory_target.hpp"
#include "devices/network/nics.hpp"
#include "devices/store_ring.hpp"
#include "hvctl/try.hpp"

namespace hvctld {
namespace {

std::optional<std::uint16_t> domid_in(std::string_view text) {
    std::uint16_t domid = 0;
    const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), domid);
    if (problem != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return domid;
}

}  // namespace

Result<Domain*> Domains::find(const std::string& text) {
    if (names_dom0(text)) {
        return fail(
            ErrorId::IsDom0,
            "Domain-0 is the host's own system and no guest: it can be listed and its vCPUs pinned, and it ends when "
            "the host does (systemctl poweroff, systemctl reboot)");
    }
    if (Domain* domain = named(text)) return domain;
    const auto domid = domid_in(text);
    const auto uuid = config::parse_uuid(text);
    for (const auto& [name, domain] : domains_) {
        if (domid && domain->in_hv() && domain->record.instance.domid == *domid) return domain.get();
        if (uuid && domain->record.uuid == *uuid) return domain.get();
    }
    return fail(ErrorId::NoSuchDomain, fmt::format("there is no domain \"{}\"; 'hvctl list' shows all", text));
}

Result<Domain*> Domains::find_running(const std::string& text) {
    Domain* domain = TRY(find(text));
    if (!domain->in_hv()) {
        return fail(
            ErrorId::WrongState,
            fmt::format("{0} is not running; 'hvctl start {0}' starts it, 'hvctl forget {0}' removes it from the list",
                        domain->record.name));
    }
    return domain;
}

Domain* Domains::named(std::string_view name) {
    const auto found = domains_.find(name);
    return found != domains_.end() ? found->second.get() : nullptr;
}

std::vector<Domain*> Domains::all() {
    std::vector<Domain*> domains;
    for (const auto& [name, domain] : domains_) domains.push_back(domain.get());
    return domains;
}

Domain& Domains::insert(std::unique_ptr<Domain> domain) {
    // The store first: what else there is finds its entries there.
    domain->devices.push_back(std::make_unique<StoreRing>(context_, *domain));
    domain->devices.push_back(std::make_unique<MemoryTarget>(context_, *domain));
    domain->devices.push_back(std::make_unique<GuestConsole>(context_, *domain));
    auto nics = std::make_unique<Nics>(context_, *domain);
    domain->nics = nics.get();
    domain->devices.push_back(std::move(nics));
    domain->devices.push_back(std::make_unique<Seed>(context_, *domain));
    auto disks = std::make_unique<Disks>(context_, *domain);
    domain->disks = disks.get();
    domain->devices.push_back(std::move(disks));
    std::unique_ptr<Domain>& place = domains_[domain->record.name];
    place = std::move(domain);
    return *place;
}

void Domains::rename(Domain& domain, const std::string& name) {
    auto place = domains_.extract(domain.record.name);
    const std::string before = std::exchange(domain.record.name, name);
    place.key() = name;
    domains_.insert(std::move(place));
    context_.nic_claims.rename(before, name);
    (void)context_.registry.rename(before, domain.record);
    if (on_forgotten) on_forgotten(before, domain.record.uuid);
    changed(domain);
}

void Domains::drop(const std::string& name) {
    const auto found = domains_.find(name);
    if (found == domains_.end()) return;
    release_consoles();
    if (found->second->console && found->second->console->sessions() > 0)
        leaving_consoles_.push_back(std::move(found->second->console));
    Console::forget(context_.paths.console, name);
    (void)context_.registry.forget(name);
    const std::unique_ptr<Domain> forgotten = std::move(found->second);  // `name` may be its own
    domains_.erase(found);
    if (on_forgotten) on_forgotten(forgotten->record.name, forgotten->record.uuid);
}

void Domains::release_consoles() {
    std::erase_if(leaving_consoles_, [](const auto& console) { return console->sessions() == 0; });
}

void Domains::save_definition(Domain& domain) {
    domain.record.definition = normalised(domain.definition);
    save(domain);
}

void Domains::stopped(Domain& domain, EndReason reason) {
    for (const auto& device : domain.devices) device->freed();
    // A start that came to nothing is no run: what is said of the last one stays.
    const bool ran = domain.in_hv() && (domain.record.run_since_us != 0 || domain.record.started_us == 0);
    if (ran) domain.record.ended_us = realtime_us();
    domain.record.phase = DomainPhase::Stopped;
    domain.record.instance = {};
    domain.failed_ends = 0;
    if (reason != EndReason::None) domain.record.end_reason = reason;
    save(domain);
    if (domain.console) domain.console->end_sessions();
    changed(domain);
}

Result<std::vector<DomainView>> Domains::list() {
    const auto infos =
        TRY(within("list domains", Result<std::vector<abi::DomainInfo>>{context_.hypervisor.list_domains()}));
    std::vector<DomainView> views;
    for (const abi::DomainInfo& info : infos) {
        if (info.domain != 0) continue;
        views.push_back(
            view_of_dom0(info, context_.hypervisor.sched_parameters(hvctl::kDom0).value_or(abi::SchedParameters{})));
    }
    for (const auto& [name, domain] : domains_) {
        const auto info = domain->in_hv()
                              ? std::ranges::find(infos, domain->record.instance.domid, &abi::DomainInfo::domain)
                              : infos.end();
        views.push_back(view_of(*domain, info != infos.end() ? &*info : nullptr));
    }
    return views;
}

Result<DomainView> Domains::get(const std::string& text) {
    if (names_dom0(text)) return TRY(list()).front();
    const Domain* domain = TRY(find(text));
    if (!domain->in_hv()) return view_of(*domain, nullptr);
    const auto info = context_.hypervisor.domain(domain->id());
    return view_of(*domain, info ? &*info : nullptr);
}

void Domains::changed(const Domain& domain) {
    if (!on_changed) return;
    const auto info = domain.in_hv() ? context_.hypervisor.domain(domain.id())
                                     : hvctl::Result<abi::DomainInfo>{hvctl::fail(hvctl::ErrorCode::NotFound, "")};
    on_changed(view_of(domain, info ? &*info : nullptr));
}

}  // namespace hvctld
