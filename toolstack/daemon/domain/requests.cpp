#include "domain/requests.hpp"

#include <fmt/format.h>

#include <utility>

#include "devices/block/disks.hpp"
#include "hvctl/try.hpp"

namespace hvctld {
namespace {

constexpr std::uint32_t kDestroyDeadlineSeconds = 120;  // for what was under way to be called off

}  // namespace

// Another job ends the domain already; what was to follow that end, such as a restart, does not follow any more.
Result<JobId> Requests::join(Domain& domain, JobId job) {
    if (std::exchange(domain.record.wanted, false)) domains_.save(domain);
    const Job* ending = context_.jobs.find(job);
    if (domain.failed_ends == 0 || ending == nullptr || ending->record().verb != Verb::CleanUp) return job;
    return fail(ErrorId::DeadlinePassed, TearDown::held(domain.id()));
}

void Requests::ask_once_more(Domain& domain, JobId id, std::uint32_t timeout_seconds) {
    Job* const job = context_.jobs.find(id);
    if (job != nullptr && domain.ask_again && domain.ask_again()) job->set_deadline(timeout_seconds);
}

Result<JobId> Requests::destroy(const std::string& text) {
    Domain* domain = TRY(domains_.find(text));
    const auto admission = TRY(work_.admit(*domain, Verb::Destroy));
    if (admission.joined != 0) return join(*domain, admission.joined);
    if (admission.conflict == Conflict::Beside) TRY(domains_.find_running(text));
    Job& job = work_.begin(*domain, Verb::Destroy, kDestroyDeadlineSeconds, false, "destroyed");
    domain->record.wanted = false;
    domains_.save(*domain);
    job.add(Work::waiting_phase(*domain));
    tear_down_.add_phases(job, *domain, EndReason::Destroyed, true);
    const JobId id = job.id();
    job.start();
    return id;
}

Result<JobId> Requests::shutdown(const std::string& text, std::uint32_t timeout_seconds) {
    Domain* domain = TRY(domains_.find(text));
    const auto admission = TRY(work_.admit(*domain, Verb::Shutdown));
    if (admission.joined != 0) {
        ask_once_more(*domain, admission.joined, timeout_seconds);
        return join(*domain, admission.joined);
    }
    if (admission.conflict == Conflict::Beside) return ask_guest(*domain, Verb::Shutdown, timeout_seconds);
    Job& job = work_.begin(*domain, Verb::Shutdown, timeout_seconds, false, "shut down");
    job.add(Work::waiting_phase(*domain));
    job.add(ask_what_is_left(*domain));
    const JobId id = job.id();
    job.start();
    return id;
}

Result<JobId> Requests::reboot(const std::string& text, std::uint32_t timeout_seconds) {
    Domain* domain = TRY(domains_.find(text));
    const auto admission = TRY(work_.admit(*domain, Verb::Reboot));
    if (admission.joined != 0) {
        ask_once_more(*domain, admission.joined, timeout_seconds);
        return admission.joined;
    }
    return ask_guest(*domain, Verb::Reboot, timeout_seconds);
}

Result<JobId> Requests::ask_guest(Domain& domain, Verb verb, std::uint32_t timeout_seconds) {
    TRY(domains_.find_running(domain.record.name));
    TRY(require_listening(domain));
    TRY(work_.host_stays(verb));
    Job& job = work_.begin(domain, verb, timeout_seconds, false);
    add_ask_phases(job, domain, true);
    const JobId id = job.id();
    job.start();
    return id;
}

Result<void> Requests::require_listening(const Domain& domain) {
    const std::string& name = domain.record.name;
    TRY(Work::require_whole(domain));
    const auto info = TRY(within(name, Result<abi::DomainInfo>{context_.hypervisor.domain(domain.id())}));
    if ((info.flags & abi::kDomainShutdown) != 0)
        return fail(ErrorId::WrongState, fmt::format("{} has stopped already; destroy it", name));
    const bool paused = (info.flags & abi::kDomainPaused) != 0;
    if (const auto& wait = domain.disks->space_hold().wait(); paused && wait && !wait->paused) {
        return fail(
            ErrorId::WrongState,
            fmt::format("{0} is paused and cannot react, because a disk of it cannot grow: {1}; make room there, "
                        "and ask again; 'hvctl destroy {0}' ends it as it is",
                        name, wait->text()));
    }
    if (paused) return fail(ErrorId::WrongState, fmt::format("{} is paused and cannot react; unpause it first", name));
    return {};
}

// A whole guest, which may have more to lose than one that was being made.
bool Requests::has_run(const Domain& domain) {
    const auto info = context_.hypervisor.domain(domain.id());
    return is_whole(domain.record.phase) && info && (info->flags & abi::kDomainUnstarted) == 0;
}

Phase Requests::ask_what_is_left(Domain& domain) {
    return {JobPhase::LookAtRest, 8, immediate([this, &domain](Job& running) -> Result<void> {
                const auto listens = domain.in_hv() ? require_listening(domain) : Result<void>{};
                if (!listens && has_run(domain)) return listens;
                domain.record.wanted = false;
                if (domain.in_hv() && listens) {
                    add_ask_phases(running, domain, true);
                } else {
                    tear_down_.add_phases(running, domain, domain.in_hv() ? EndReason::Destroyed : EndReason::None,
                                          true);
                }
                return {};
            })};
}

}  // namespace hvctld
