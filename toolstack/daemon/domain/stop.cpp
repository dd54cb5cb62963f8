// Ending domains on request: shutdown and reboot through the guest, destroy without it.
#include <fmt/format.h>

#include "base/log.hpp"
#include "domain/manager.hpp"
#include "domain/store_entries.hpp"
#include "hvctl/try.hpp"

namespace hvctld {
namespace {

constexpr std::uint32_t kDestroyDeadlineSeconds = 120;
constexpr std::uint64_t kDestroyRetryMs = 100;

// How a shutdown or reboot job waits for its guest.
struct Waiting {
    std::string path;     // control/shutdown
    std::string request;  // "poweroff" or "reboot"
    bool taken = false;   // the guest has read the request
    std::optional<EndReason> reason;
    std::function<void()> wake;  // of the phase that waits now
    store::WatchHandle watch = 0;
};

// Destroys in rounds: others may hold frames of the domain for a moment longer.
void destroy_round(Hypervisor& hypervisor, Job& job, DomainId domid, const std::shared_ptr<Timer>& timer,
                   const Done& done) {
    auto outcome = std::make_shared<hvctl::Result<void>>();
    job.loop().blocking(
        [&hypervisor, domid, outcome] { *outcome = hypervisor.destroy_domain(domid); },
        [&hypervisor, &job, domid, timer, outcome, done] {
            if (*outcome || outcome->error().code() == hvctl::ErrorCode::NotFound) return done({});
            const std::string context = fmt::format("destroy domain {}", domid.raw);
            if (outcome->error().code() != hvctl::ErrorCode::TryAgain || job.stop_token().stop_requested())
                return done(std::unexpected(Error{outcome->error()}.within(context)));
            timer->start(kDestroyRetryMs, [&hypervisor, &job, domid, timer, done] {
                destroy_round(hypervisor, job, domid, timer, done);
            });
        });
}

}  // namespace

Step Manager::destroy_step(DomainId domid) {
    return [this, domid](Job& job, const Done& done) {
        destroy_round(hypervisor_, job, domid, std::make_shared<Timer>(loop_), done);
    };
}

void Manager::disconnect(Domain& domain) {
    const std::uint16_t domid = domain.record.instance.domid;
    if (domain.console) domain.console->detach();
    if (domid == 0) return;
    const store::DomainId id{domid};
    if (store_.is_introduced(id)) store_.release_domain(id);
    domain.store_port = {};
    remove_domain_entries(store_, domid, domain.record.uuid);
}

void Manager::stopped(Domain& domain, const std::string& reason) {
    domain.record.phase = DomainPhase::Stopped;
    domain.record.instance = {};
    domain.record.ended_us = realtime_us();
    if (!reason.empty()) domain.record.end_reason = reason;
    save(domain);
    if (domain.console) domain.console->end_sessions();
    changed(domain);
}

void Manager::drop(const std::string& name) {
    const auto found = domains_.find(name);
    if (found == domains_.end()) return;
    std::erase_if(leaving_consoles_, [](const auto& console) { return console->sessions() == 0; });
    if (found->second->console && found->second->console->sessions() > 0)
        leaving_consoles_.push_back(std::move(found->second->console));
    if (const auto forgotten = registry_.forget(name); !forgotten)
        log::error("{}: {}", name, forgotten.error().message());
    const std::unique_ptr<Domain> forgotten_domain = std::move(found->second);  // `name` may be its own
    domains_.erase(found);
    if (on_domain_forgotten) on_domain_forgotten(forgotten_domain->record.name, forgotten_domain->record.uuid);
}

void Manager::add_stop_phases(Job& job, Domain& domain) {
    job.add({"stop", 40, immediate([this, &domain](Job&) -> Result<void> {
                 if (domain.in_hv()) (void)hypervisor_.pause_domain(domain.id());
                 return {};
             })});
    job.add({"disconnect", 50, immediate([this, &domain](Job&) -> Result<void> {
                 disconnect(domain);
                 return {};
             })});
    job.add({"free", 60, [this, &domain](Job& running, const Done& done) {
                 if (!domain.in_hv()) return done({});
                 destroy_step(domain.id())(running, [this, &domain, done](const Result<void>& result) {
                     if (result) {
                         domain.record.phase = DomainPhase::Stopped;
                         domain.record.instance = {};
                         save(domain);
                     }
                     done(result);
                 });
             }});
}

Result<JobId> Manager::destroy(const std::string& text) {
    Domain* domain = TRY(find_running(text));
    if (Job* job = jobs_.find(domain->job); job != nullptr && job->waiting()) {
        // A guest that does not react must never keep its administrator from destroying it.
        job->interrupt({ErrorId::Cancelled, fmt::format("{}: destroyed while job {} waited for the guest",
                                                        domain->record.name, job->id())});
        domain->job = 0;
    }
    Job* job = TRY(begin_job(*domain, "destroy", kDestroyDeadlineSeconds, false));
    domain->record.wanted = false;
    save(*domain);
    add_stop_phases(*job, *domain);
    job->add({"end", 90, immediate([this, domain](Job&) -> Result<void> {
                  stopped(*domain, "destroyed");
                  return {};
              })});
    const JobId id = job->id();
    job->start();
    return id;
}

Result<void> Manager::forget(const std::string& text) {
    Domain* domain = TRY(find(text));
    TRY(require_idle(*domain));
    if (domain->in_hv()) {
        return fail(ErrorId::WrongState,
                    fmt::format("{} runs; destroy it before its definition is forgotten", domain->record.name));
    }
    drop(std::string{domain->record.name});
    return {};
}

Result<JobId> Manager::shutdown(const std::string& domain, std::uint32_t timeout_seconds) {
    return ask_guest(domain, "poweroff", timeout_seconds);
}

Result<JobId> Manager::reboot(const std::string& domain, std::uint32_t timeout_seconds) {
    return ask_guest(domain, "reboot", timeout_seconds);
}

Result<JobId> Manager::ask_guest(const std::string& text, const std::string& request, std::uint32_t timeout_seconds) {
    Domain* domain = TRY(find_running(text));
    TRY(require_idle(*domain));
    const std::string& name = domain->record.name;
    const auto info = TRY(within(name, Result<abi::DomainInfo>{hypervisor_.domain(domain->id())}));
    if ((info.flags & abi::kDomainShutdown) != 0)
        return fail(ErrorId::WrongState, fmt::format("{} has stopped already; destroy it", name));
    if ((info.flags & abi::kDomainPaused) != 0)
        return fail(ErrorId::WrongState, fmt::format("{} is paused and cannot react; unpause it first", name));
    Job* job = TRY(begin_job(*domain, request == "reboot" ? "reboot" : "shutdown", timeout_seconds, false));
    add_ask_phases(*job, *domain, request, true);
    const JobId id = job->id();
    job->start();
    return id;
}

void Manager::add_ask_phases(Job& job, Domain& domain, const std::string& request, bool ask) {
    auto waiting = std::make_shared<Waiting>();
    waiting->path = domain_path(domain.record.instance.domid) + "/control/shutdown";
    waiting->request = request;
    const auto finish = [this, &domain, waiting] {
        domain.on_end = nullptr;
        waiting->wake = nullptr;
        if (waiting->watch != 0) store_.unwatch(std::exchange(waiting->watch, 0));
    };
    // Both waiting phases end in the same ways; `enough` says when the phase's own wait is over.
    const auto wait = [this, waiting, finish](const std::function<bool()>& enough) -> Step {
        return [this, waiting, finish, enough](Job& running, const Done& done) {
            if (enough()) return done({});
            waiting->wake = [waiting, enough, done] {
                if (!enough()) return;
                waiting->wake = nullptr;
                done({});
            };
            running.on_interrupt([this, waiting, finish, done](Error& why) {
                finish();
                if (!waiting->taken) (void)store_.write(waiting->path, "");
                if (why.id() == ErrorId::DeadlinePassed && !waiting->taken) {
                    why = {ErrorId::GuestSilent,
                           "the guest did not take the " + waiting->request +
                               " request before the deadline; destroy it, or ask again once it is up"};
                }
                done(std::unexpected(why));
            });
        };
    };
    job.add({"ask the guest", 0, immediate([this, &domain, waiting, ask](Job&) -> Result<void> {
                 domain.on_end = [waiting](EndReason reason) {
                     waiting->reason = reason;
                     if (const auto wake = waiting->wake) wake();
                 };
                 const auto asked = ask ? store_.write(waiting->path, waiting->request) : store::Result<void>{};
                 if (!asked) {
                     return fail(ErrorId::Internal,
                                 fmt::format("{}: {}", waiting->path, store::wire_name(asked.error())));
                 }
                 waiting->watch =
                     store_.watch(waiting->path, "hvctld", [this, waiting](const std::string&, const std::string&) {
                         const auto value = store_.read(waiting->path);
                         waiting->taken = waiting->taken || !value || *value != waiting->request;
                         if (const auto wake = waiting->wake) wake();
                     });
                 return {};
             })});
    job.add({"wait for the guest to react", 10, wait([waiting] { return waiting->taken || waiting->reason; })});
    job.add({"wait for the guest to stop", 20, wait([waiting] { return waiting->reason.has_value(); })});
    job.add({"stopped", 30, immediate([this, &domain, waiting, finish](Job& running) -> Result<void> {
                 finish();
                 add_end_phases(running, domain, *waiting->reason, true);
                 return {};
             })});
}

}  // namespace hvctld
