// Ending domains on request: shutdown and reboot through the guest, destroy without it.
#include <fmt/format.h>

#include "base/log.hpp"
#include "domain/manager.hpp"
#include "domain/store_entries.hpp"
#include "hvctl/try.hpp"

namespace hvctld {
namespace {

constexpr std::uint32_t kDestroyDeadlineSeconds = 120;  // for what was under way to be called off
constexpr std::uint64_t kFreePatienceMs = 120'000;      // for others to let go of the domain's frames
constexpr std::uint64_t kFreeRetryMs = 100;

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
void destroy_round(Hypervisor& hypervisor, Job& job, DomainId domid, std::uint64_t patient_until_ms,
                   const std::shared_ptr<Timer>& timer, const Done& done) {
    auto outcome = std::make_shared<hvctl::Result<void>>();
    job.loop().blocking(
        [&hypervisor, domid, outcome] { *outcome = hypervisor.destroy_domain(domid); },
        [&hypervisor, &job, domid, patient_until_ms, timer, outcome, done](const Result<void>& ran) {
            if (!ran) return done(ran);
            if (*outcome || outcome->error().code() == hvctl::ErrorCode::NotFound) return done({});
            const std::string context = fmt::format("destroy domain {}", domid.raw);
            if (outcome->error().code() != hvctl::ErrorCode::TryAgain)
                return done(std::unexpected(Error{outcome->error()}.within(context)));
            if (job.loop().now_ms() >= patient_until_ms) {
                return done(
                    fail(ErrorId::DeadlinePassed,
                         fmt::format("{}: it has ended, but somebody still holds memory of it; it goes from the list "
                                     "as soon as they let go",
                                     context)));
            }
            timer->start(kFreeRetryMs, [&hypervisor, &job, domid, patient_until_ms, timer, done] {
                destroy_round(hypervisor, job, domid, patient_until_ms, timer, done);
            });
        });
}

}  // namespace

Step Manager::free_step(Domain& domain) {
    return [this, domid = domain.id()](Job& job, const Done& done) {
        destroy_round(hypervisor_, job, domid, loop_.now_ms() + kFreePatienceMs, std::make_shared<Timer>(loop_), done);
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
    Console::forget(paths_.console, name);
    (void)registry_.forget(name);
    const std::unique_ptr<Domain> forgotten_domain = std::move(found->second);  // `name` may be its own
    domains_.erase(found);
    if (on_domain_forgotten) on_domain_forgotten(forgotten_domain->record.name, forgotten_domain->record.uuid);
}

void Manager::add_stop_phases(Job& job, Domain& domain, const std::string& reason, bool last) {
    job.add({"stop", 40, immediate([this, &domain](Job& running) -> Result<void> {
                 if (!domain.in_hv()) return {};
                 running.shield();
                 domain.record.phase = DomainPhase::Ending;
                 save(domain);
                 (void)hypervisor_.pause_domain(domain.id());
                 return {};
             })});
    job.add({"disconnect", 50, immediate([this, &domain](Job&) -> Result<void> {
                 disconnect(domain);
                 return {};
             })});
    job.add({"free", 60, [this, &domain, reason, last](Job& running, const Done& done) {
                 const auto freed = [this, &domain, &running, reason, last, done](const Result<void>& result) {
                     running.unshield();
                     if (!result) return done(result);
                     if (last) {
                         stopped(domain, reason);
                     } else {
                         domain.record.phase = DomainPhase::Stopped;
                         domain.record.instance = {};
                         save(domain);
                     }
                     done({});
                 };
                 if (!domain.in_hv()) return freed({});
                 free_step(domain)(running, freed);
             }});
}

Result<JobId> Manager::destroy(const std::string& text) {
    Domain* domain = TRY(find(text));
    Job* const present = jobs_.find(domain->job);
    if (present == nullptr && domain->unwinding.empty()) TRY(find_running(text));
    if (present != nullptr && (present->record().verb == "destroy" || present->record().verb == "clean up"))
        return present->id();
    // Nothing that works on a domain, and no guest that does not react, keeps its administrator from destroying it.
    take_over(*domain, "destroyed");
    Job& job = begin_job(*domain, "destroy", kDestroyDeadlineSeconds, false);
    domain->record.wanted = false;
    save(*domain);
    job.add(unwinding_phase(*domain));
    add_stop_phases(job, *domain, "destroyed", true);
    const JobId id = job.id();
    job.start();
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

Result<void> Manager::require_listening(const Domain& domain) {
    const std::string& name = domain.record.name;
    TRY(require_whole(domain));
    const auto info = TRY(within(name, Result<abi::DomainInfo>{hypervisor_.domain(domain.id())}));
    if ((info.flags & abi::kDomainShutdown) != 0)
        return fail(ErrorId::WrongState, fmt::format("{} has stopped already; destroy it", name));
    if ((info.flags & abi::kDomainPaused) != 0)
        return fail(ErrorId::WrongState, fmt::format("{} is paused and cannot react; unpause it first", name));
    return {};
}

Result<JobId> Manager::ask_guest(const std::string& text, const std::string& request, std::uint32_t timeout_seconds) {
    Domain* domain = TRY(find(text));
    const bool reboots = request == "reboot";
    if (Job* present = jobs_.find(domain->job); present != nullptr) {
        const std::string& verb = present->record().verb;
        // What is asked for is under way: this caller waits for it, too.
        const bool ends = verb == "shutdown" || verb == "destroy" || verb == "clean up";
        if (reboots ? verb == "reboot" : ends) return present->id();
        if (reboots || !starts_guest(verb)) TRY(require_idle(*domain));
        take_over(*domain, "shut down");
        Job& job = begin_job(*domain, "shutdown", timeout_seconds, false);
        job.add(unwinding_phase(*domain));
        job.add(ask_what_is_left(*domain));
        const JobId id = job.id();
        job.start();
        return id;
    }
    TRY(find_running(text));
    TRY(require_idle(*domain));
    TRY(require_listening(*domain));
    if (reboots) TRY(require_host_stays());
    Job& job = begin_job(*domain, reboots ? "reboot" : "shutdown", timeout_seconds, false);
    add_ask_phases(job, *domain, request, true);
    const JobId id = job.id();
    job.start();
    return id;
}

// A shutdown that has called off a start: the guest runs all the same, or there is none.
Phase Manager::ask_what_is_left(Domain& domain) {
    return {"look at what is left", 8, immediate([this, &domain](Job& running) -> Result<void> {
                domain.record.wanted = false;
                if (domain.in_hv() && require_listening(domain)) {
                    add_ask_phases(running, domain, "poweroff", true);
                } else {
                    add_stop_phases(running, domain, domain.in_hv() ? "destroyed" : "", true);
                }
                return {};
            })};
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
    const auto wait = [waiting](const std::function<bool()>& enough) -> Step {
        return [waiting, enough](Job& running, const Done& done) {
            if (enough()) return done({});
            waiting->wake = [waiting, enough, done] {
                if (!enough()) return;
                waiting->wake = nullptr;
                done({});
            };
            running.on_interrupt([waiting, done](Error& why) {
                if (why.id() == ErrorId::DeadlinePassed && !waiting->taken) {
                    why = {ErrorId::GuestSilent,
                           "the guest did not take the " + waiting->request +
                               " request before the deadline; destroy it, or ask again once it is up"};
                }
                done(std::unexpected(why));
            });
        };
    };
    job.add({"ask the guest", 10, immediate([this, &domain, waiting, finish, ask](Job& running) -> Result<void> {
                 running.on_failure([this, waiting, finish](Job&, const Done& done) {
                     finish();
                     if (!waiting->taken && !waiting->reason) (void)store_.write(waiting->path, "");
                     done({});
                 });
                 domain.on_end = [waiting, &running](EndReason reason) {
                     running.lift_deadline();  // it was the guest's
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
    job.add({"wait for the guest to react", 15, wait([waiting] { return waiting->taken || waiting->reason; })});
    job.add({"wait for the guest to stop", 20, wait([waiting] { return waiting->reason.has_value(); })});
    job.add({"stopped", 30, immediate([this, &domain, waiting, finish](Job& running) -> Result<void> {
                 finish();
                 running.keep();
                 add_end_phases(running, domain, *waiting->reason, true);
                 return {};
             })});
}

}  // namespace hvctld
