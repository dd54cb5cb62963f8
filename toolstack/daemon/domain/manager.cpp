#include "domain/manager.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/log.hpp"
#include "domain/uuid_text.hpp"
#include "hvctl/try.hpp"

namespace hvctld {
namespace {

constexpr std::size_t kMostLooks = 64;  // each is a thread, which may be one that waits for a dead disk

constexpr const char* kDom0Name = "Domain-0";

std::optional<std::uint16_t> domid_in(std::string_view text) {
    std::uint16_t domid = 0;
    const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), domid);
    if (problem != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return domid;
}

bool names_dom0(std::string_view text) {
    return text == kDom0Name || text == "0";
}

std::string state_of(const abi::DomainInfo& info) {
    if ((info.flags & abi::kDomainDying) != 0) return "dying";
    if ((info.flags & abi::kDomainShutdown) != 0) {
        const auto reason = static_cast<abi::ShutdownReason>(info.shutdown_reason);
        return reason == abi::ShutdownReason::Crash || reason == abi::ShutdownReason::Watchdog ? "crashed" : "shutdown";
    }
    if ((info.flags & abi::kDomainPaused) != 0) return "paused";
    if ((info.flags & abi::kDomainBlocked) != 0) return "blocked";
    return "running";
}

void add_live(DomainView& view, const abi::DomainInfo& info) {
    view.domid = info.domain;
    view.state = state_of(info);
    view.memory = info.frames * hvctl::kPageSize;
    view.max_memory = info.max_frames * hvctl::kPageSize;
    view.vcpus = info.vcpus_online;
    view.max_vcpus = info.max_vcpus;
    view.cpu_time = info.cpu_time_ns;
    view.hv_bytes = info.hv_bytes;
    if ((info.flags & abi::kDomainShutdown) != 0)
        view.shutdown_reason = to_string(static_cast<EndReason>(std::min(info.shutdown_reason, 5u)));
}

}  // namespace

std::string_view to_string(EndReason reason) {
    switch (reason) {
        case EndReason::Poweroff: return "poweroff";
        case EndReason::Reboot: return "reboot";
        case EndReason::Suspend: return "suspend";
        case EndReason::Crash: return "crash";
        case EndReason::Watchdog: return "watchdog";
        case EndReason::SoftReset: return "soft-reset";
        case EndReason::Gone: return "gone";
    }
    return "gone";
}

Manager::Manager(Loop& loop, Hypervisor& hypervisor, store::Store& store, Registry& registry, config::Settings settings,
                 ManagerPaths paths)
    : loop_{loop},
      hypervisor_{hypervisor},
      store_{store},
      registry_{registry},
      settings_{std::move(settings)},
      paths_{std::move(paths)},
      events_{loop, hypervisor},
      console_disk_{loop},
      retry_{loop, registry},
      jobs_{loop, registry},
      looks_{kMostLooks},
      builds_{Loop::kPoolThreads / 2},
      checks_{Loop::kPoolThreads / 4},
      alive_{std::make_shared<Manager*>(this)} {
    retry_.on_trouble = [this](const std::string& trouble) {
        if (trouble.empty()) {
            log::info("the registry can be written again, and has everything");
        } else {
            log::error("{}", trouble);
        }
        if (on_registry_trouble) on_registry_trouble();
    };
}

Manager::~Manager() = default;

Result<Domain*> Manager::find(const std::string& text) {
    if (names_dom0(text)) {
        return fail(
            ErrorId::IsDom0,
            "Domain-0 is the host's own system and no guest: it can be listed and its vCPUs pinned, and it ends when "
            "the host does (systemctl poweroff, systemctl reboot)");
    }
    if (const auto found = domains_.find(text); found != domains_.end()) return found->second.get();
    const auto domid = domid_in(text);
    const auto uuid = config::parse_uuid(text);
    for (const auto& [name, domain] : domains_) {
        if (domid && domain->in_hv() && domain->record.instance.domid == *domid) return domain.get();
        if (uuid && domain->record.uuid == *uuid) return domain.get();
    }
    return fail(ErrorId::NoSuchDomain, fmt::format("there is no domain \"{}\"; 'hvctl list' shows all", text));
}

Result<Domain*> Manager::find_running(const std::string& text) {
    Domain* domain = TRY(find(text));
    if (!domain->in_hv()) {
        return fail(
            ErrorId::WrongState,
            fmt::format("{0} is not running; 'hvctl start {0}' starts it, 'hvctl forget {0}' removes it from the list",
                        domain->record.name));
    }
    return domain;
}

Result<void> Manager::require_idle(const Domain& domain) {
    Job* job = jobs_.find(domain.job != 0 ? domain.job : domain.unwinding.empty() ? 0 : *domain.unwinding.begin());
    if (job == nullptr) return {};
    return fail(ErrorId::Busy, fmt::format("{}: job {} ({}, phase \"{}\") works on it; wait for that job or cancel it",
                                           domain.record.name, job->id(), job->record().verb, job->record().phase));
}

Result<void> Manager::require_whole(const Domain& domain) {
    if (!domain.half_there()) return {};
    return fail(
        ErrorId::WrongState,
        fmt::format("{0} is not whole: its end has begun, and it has lost its store and its console; 'hvctl destroy "
                    "{0}' ends it",
                    domain.record.name));
}

// What the file does not take now it takes later: see registry.hpp.
void Manager::save(Domain& domain) {
    (void)registry_.save(domain.record);
}

void Manager::changed(Domain& domain) {
    if (!on_domain_changed) return;
    const auto info = domain.in_hv() ? hypervisor_.domain(domain.id())
                                     : hvctl::Result<abi::DomainInfo>{hvctl::fail(hvctl::ErrorCode::NotFound, "")};
    on_domain_changed(view(domain, info ? &*info : nullptr));
}

DomainView Manager::view(const Domain& domain, const abi::DomainInfo* info) const {
    DomainView view;
    view.name = domain.record.name;
    view.uuid = domain.record.uuid;
    view.type = to_string(domain.definition.type);
    view.memory = domain.definition.memory;
    view.max_memory = domain.definition.max_memory;
    view.vcpus = domain.definition.vcpus;
    view.max_vcpus = domain.definition.max_vcpus;
    view.autostart = domain.definition.autostart;
    view.shutdown_reason = domain.record.end_reason;
    view.console_dropped = domain.console ? domain.console->dropped() : 0;
    view.job = domain.job;
    const std::string& reason = domain.record.end_reason;
    view.state = reason == "crash" || reason == "watchdog" || reason == "soft-reset" ? "crashed" : "stopped";
    if (info != nullptr) add_live(view, *info);
    // While it is being built the domain is in nobody's hands but the builder's.
    if (domain.record.phase == DomainPhase::Building ||
        (domain.job != 0 && domain.record.phase == DomainPhase::Stopped))
        view.state = "starting";
    if (domain.record.phase == DomainPhase::Ending) view.state = "dying";
    return view;
}

Result<std::vector<DomainView>> Manager::list() {
    const auto infos = TRY(within("list domains", Result<std::vector<abi::DomainInfo>>{hypervisor_.list_domains()}));
    std::vector<DomainView> views;
    for (const abi::DomainInfo& info : infos) {
        if (info.domain != 0) continue;
        DomainView dom0;
        dom0.name = kDom0Name;
        dom0.uuid = uuid_text(info.uuid);
        dom0.type = "pv";
        add_live(dom0, info);
        views.push_back(std::move(dom0));
    }
    for (const auto& [name, domain] : domains_) {
        const auto info = domain->in_hv()
                              ? std::ranges::find(infos, domain->record.instance.domid, &abi::DomainInfo::domain)
                              : infos.end();
        views.push_back(view(*domain, info != infos.end() ? &*info : nullptr));
    }
    return views;
}

Result<DomainView> Manager::get(const std::string& text) {
    if (names_dom0(text)) return TRY(list()).front();
    const Domain* domain = TRY(find(text));
    if (!domain->in_hv()) return view(*domain, nullptr);
    const auto info = hypervisor_.domain(domain->id());
    return view(*domain, info ? &*info : nullptr);
}

Result<void> Manager::pause(const std::string& text) {
    Domain* domain = TRY(find_running(text));
    TRY(require_idle(*domain));
    TRY(require_whole(*domain));
    TRY(within("pause " + domain->record.name, Result<void>{hypervisor_.pause_domain(domain->id())}));
    changed(*domain);
    return {};
}

Result<void> Manager::unpause(const std::string& text) {
    Domain* domain = TRY(find_running(text));
    TRY(require_idle(*domain));
    TRY(require_whole(*domain));
    const auto info = TRY(within(domain->record.name, Result<abi::DomainInfo>{hypervisor_.domain(domain->id())}));
    if ((info.flags & abi::kDomainShutdown) != 0) {
        const auto reason = static_cast<EndReason>(std::min(info.shutdown_reason, 5u));
        return fail(ErrorId::WrongState,
                    fmt::format("{0} has ended ({1}) and cannot go on; 'hvctl destroy {0}' removes "
                                "what is left of it",
                                domain->record.name, to_string(reason)));
    }
    TRY(within("unpause " + domain->record.name, Result<void>{hypervisor_.unpause_domain(domain->id())}));
    changed(*domain);
    return {};
}

void Manager::open_console(const std::string& text, ConsoleMode mode, std::uint64_t history, const Opened& done) {
    const auto console = console_named(text);
    if (!console) return done(std::unexpected(console.error()));
    console->second->open(mode, history, [name = console->first, done](Result<UniqueFd> opened) {
        done(within(name, std::move(opened)));
    });
}

void Manager::open_console_log(const std::string& text, const Opened& done) {
    const auto console = console_named(text);
    if (!console) return done(std::unexpected(console.error()));
    console->second->open_log(
        [name = console->first, done](Result<UniqueFd> opened) { done(within(name, std::move(opened))); });
}

Result<std::pair<std::string, Console*>> Manager::console_named(const std::string& text) {
    Domain* domain = TRY(find(text));
    return std::pair{domain->record.name, TRY(console_of(*domain))};
}

Result<void> Manager::health() {
    TRY(within("hv", Result<hvctl::HvVersion>{hypervisor_.version()}));
    return {};
}

std::string Manager::registry_trouble() const {
    return registry_.trouble() ? registry_.trouble()->message() : std::string{};
}

}  // namespace hvctld
