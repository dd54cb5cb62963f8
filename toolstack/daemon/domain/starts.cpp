#include "domain/starts.hpp"

#include <fmt/format.h>

#include "base/log.hpp"
#include "domain/check_host.hpp"
#include "domain/images.hpp"
#include "domain/remembering.hpp"
#include "domain/scheduling.hpp"
#include "domain/uuid_text.hpp"
#include "hvctl/try.hpp"

namespace hvctld {
namespace {

hvctl::DomainLimits limits_of(const config::DomainDefinition& definition) {
    hvctl::DomainLimits limits;
    limits.max_frames = definition.max_memory / hvctl::kPageSize;
    limits.max_vcpus = definition.max_vcpus;
    limits.max_event_ports = definition.max_event_channels;
    limits.max_grant_frames = definition.max_grant_frames;
    limits.max_maptrack_frames = definition.max_maptrack_frames;
    limits.max_grant_version = definition.max_grant_version;
    limits.linear_page_tables = definition.pv_linear_page_tables;
    return limits;
}

std::string still_there(const Domain& domain) {
    return fmt::format("{0}: domain {1} is still there, its end has failed; 'hvctl destroy {0}' tries again",
                       domain.record.name, domain.record.instance.domid);
}

// One device after the other, from the given one on.
void prepare_from(Domain& domain, std::size_t index, bool anew, Job& job, const Done& done) {
    if (index == domain.devices.size()) return done({});
    domain.devices[index]->prepare(anew)(job, [&domain, index, anew, &job, done](const Result<void>& prepared) {
        if (!prepared) return done(prepared);
        prepare_from(domain, index + 1, anew, job, done);
    });
}

}  // namespace

// An administrator's start begins anew: what the guest did before does not count.
void Starts::forget_restarts(Domain& domain) {
    domain.record.restarts = 0;
    domain.record.window_us = 0;
    domain.short_runs = 0;
}

Result<JobId> Starts::start(const std::string& text, const StartOptions& options) {
    Domain* domain = TRY(domains_.find(text));
    const auto admission = TRY(work_.admit(*domain, Verb::Start));
    if (admission.conflict != Conflict::Queue && !may_begin(domain->record.phase)) {
        return fail(ErrorId::WrongState,
                    fmt::format("{} runs already (domain {})", domain->record.name, domain->record.instance.domid));
    }
    TRY(work_.host_stays(Verb::Start));
    if (!options.patient) TRY(require_registry(context_.registry));
    return begin(*domain, Verb::Start, options);
}

JobId Starts::begin(Domain& domain, Verb verb, const StartOptions& options) {
    forget_restarts(domain);
    Job& job =
        work_.begin(domain, verb, options.patient ? 0 : context_.settings.create_deadline_seconds, options.paused);
    if (!domain.unwinding.empty()) job.add(Work::waiting_phase(domain));
    add_phases(job, domain, options);
    domains_.changed(domain);
    const JobId id = job.id();
    job.start();
    return id;
}

void Starts::add_phases(Job& job, Domain& domain, const StartOptions& options) {
    const auto build = std::make_shared<Build>();
    build->name = domain.record.name;
    build->definition = domain.definition;
    const GuestKind* kind = guest_kind(domain.definition.type);
    job.on_failure([this, &domain](Job&, const Done& done) {
        for (const auto& device : domain.devices) device->abandoned();
        if (!domain.in_hv()) domains_.stopped(domain, EndReason::None);
        done({});
    });
    add_checks(job, domain, build);
    add_making(job, domain, build, options.patient);
    if (kind != nullptr) kind->add_build_phases(job, context_, build);  // or the first phase refuses it
    job.add({JobPhase::Configure, 88, immediate([this, &domain, build](Job&) { return configure(domain, *build); })});
    for (const auto& device : domain.devices) job.add(device->publish());
    add_running(job, domain, options);
}

void Starts::add_checks(Job& job, Domain& domain, const SharedBuild& build) {
    job.add({JobPhase::Check, 0, [this, &domain, build](Job& running, const Done& done) {
                 if (domain.in_hv()) return done(fail(ErrorId::WrongState, still_there(domain)));
                 if (const auto fits = check_host(context_, build->definition); !fits) return done(fits);
                 // Before anything else is done: clients may attach as soon as they know of the job.
                 const Verb verb = running.record().verb;
                 prepare_from(domain, 0, verb == Verb::Create || verb == Verb::Start, running, done);
             }});
    // A file server that does not answer must hold up nothing but its own guests.
    job.add({JobPhase::LookForFiles, 2,
             context_.looks.step_apart([definition = build->definition] { return check_files(definition); })});
}

void Starts::add_making(Job& job, Domain& domain, const SharedBuild& build, bool patient) {
    // Known to be half-made before hv has it: should the daemon be killed now, the UUID tells the next one which it is.
    job.add({JobPhase::Remember, 3, [this, &domain, patient](Job& running, const Done& done) {
                 domain.record.phase = DomainPhase::Building;
                 domain.record.instance = {};
                 domain.record.run_since_us = 0;
                 domain.record.dumped_domid = 0;
                 domain.ended.reset();
                 domains_.save(domain);
                 running.on_failure(undo(domain));
                 remembered(context_, patient)(running, done);
             }});
    job.add({JobPhase::Create, 5, immediate([this, &domain, build](Job&) { return create_in_hv(domain, *build); })});
    job.add({JobPhase::ClaimMemory, 10, immediate([this, build](Job&) {
                 const std::uint64_t frames = build->definition.memory / hvctl::kPageSize;
                 return within(fmt::format("{}: claim {}", build->name, config::format_size(build->definition.memory)),
                               Result<void>{context_.hypervisor.set_claim(build->domid, frames)});
             })});
}

Result<void> Starts::create_in_hv(Domain& domain, Build& build) {
    const config::DomainDefinition& definition = build.definition;
    TRY(check_vcpus(context_, definition));
    const abi::DomainType type = guest_kind(definition.type)->type();  // a kind that check_host() has let pass
    build.domid =
        TRY(within(definition.name + ": create", Result<DomainId>{context_.hypervisor.create_domain(
                                                     type, binary_uuid(definition.uuid), limits_of(definition))}));
    domain.record.instance.domid = build.domid.raw;
    domains_.save(domain);  // until the file has it, the UUID of a domain in the phase of building tells as much
    // Reserved before anything is built, as its memory is, and where it will run.
    if (!definition.cpus.empty()) TRY(apply_affinity(context_, build.domid, definition));
    return apply_shares(context_, build.domid, definition);
}

Result<void> Starts::configure(Domain& domain, const Build& build) {
    const GuestRings& rings = build.rings;
    domain.record.instance = {build.domid.raw, rings.store.raw, rings.store_port.raw, rings.console.raw,
                              rings.console_port.raw};
    domains_.save(domain);
    // What the claim promised is there now.
    TRY(within(build.name + ": claim", Result<void>{context_.hypervisor.set_claim(build.domid, 0)}));
    return apply_scheduling(context_, build.domid, domain.definition);
}

void Starts::add_running(Job& job, Domain& domain, const StartOptions& options) {
    // Known to run before it does: recovery ends what is half-made, and never a guest that runs.
    job.add({JobPhase::RememberGuest, 97, [this, &domain, patient = options.patient](Job& running, const Done& done) {
                 DomainRecord& record = domain.record;
                 record.phase = DomainPhase::Running;
                 record.wanted = true;
                 record.started_us = realtime_us();
                 record.run_since_us = monotonic_us();
                 domains_.save(domain);
                 remembered(context_, patient)(running, done);
             }});
    add_last_phase(job, domain, options.paused);
}

void Starts::add_last_phase(Job& job, Domain& domain, bool paused) {
    job.add({JobPhase::Start, 98, immediate([this, &domain, paused](Job& running) -> Result<void> {
                 if (!paused) {
                     TRY(within(domain.record.name + ": start",
                                Result<void>{context_.hypervisor.unpause_domain(domain.id())}));
                 }
                 running.keep();
                 started(domain);
                 return {};
             })});
}

void Starts::started(Domain& domain) {
    for (const auto& device : domain.devices) device->started();
    domain.record.draft = false;
    domain.record.fallback.reset();
    domain.record.end_reason = EndReason::None;
    domain.record.gave_up = false;
    domain.failed_starts = 0;
    domains_.save(domain);
}

// What cannot be freed now stays as a domain that is being ended: it can be destroyed again, and is noticed when it
// goes.
Step Starts::undo(Domain& domain) {
    return [this, &domain](Job& failed, const Done& done) {
        TearDown::unplug(domain);
        if (!domain.in_hv()) {
            domain.record.phase = DomainPhase::Stopped;
            return done({});
        }
        domain.record.phase = DomainPhase::Ending;
        // An administrator's start that fails is over: he has heard of it. An automatic restart tries again.
        const Verb verb = failed.record().verb;
        if (verb == Verb::Create || verb == Verb::Start) domain.record.wanted = false;
        domains_.save(domain);
        tear_down_.free(domain)(failed, [&domain, done](const Result<void>& freed) {
            if (freed) {
                for (const auto& device : domain.devices) device->freed();
                domain.record.phase = DomainPhase::Stopped;
                domain.record.instance = {};
            } else {
                log::error("{}", freed.error().text());
            }
            done({});
        });
    };
}

}  // namespace hvctld
