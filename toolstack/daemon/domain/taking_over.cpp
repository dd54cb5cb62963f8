// Jobs and the domains that they work on: one at a time, but an end takes a domain away from whatever has it.
#include <fmt/format.h>

#include "base/log.hpp"
#include "config/parser.hpp"
#include "domain/manager.hpp"

namespace hvctld {

Job& Manager::begin_job(Domain& domain, std::string verb, std::uint32_t deadline_seconds, bool paused) {
    JobRecord record;
    record.verb = std::move(verb);
    record.domain = domain.record.name;
    record.start_paused = paused;
    if (deadline_seconds != 0) record.deadline_us = monotonic_us() + std::uint64_t{deadline_seconds} * 1000000;
    Job& job = jobs_.add(std::move(record), job_finished(domain.record.name));
    domain.job = job.id();
    return job;
}

JobQueue::Finished Manager::job_finished(const std::string& name) {
    return [this, name](const JobRecord& job) {
        const auto found = domains_.find(name);
        if (found == domains_.end()) return;
        Domain& domain = *found->second;
        const bool was_unwinding = domain.unwinding.erase(job.id) != 0;
        if (domain.job == job.id) {
            domain.job = 0;
            domain.on_end = nullptr;
        } else if (!was_unwinding) {
            return;
        }
        if (!domain.unwinding.empty()) return;
        if (const auto unwound = std::exchange(domain.on_unwound, nullptr)) unwound();
        if (domain.job == 0 && !starts_later(domain, job)) at_rest(domain);
    };
}

void Manager::take_over(Domain& domain, const std::string& why) {
    Job* job = jobs_.find(domain.job);
    domain.job = 0;
    if (job == nullptr) return;
    domain.unwinding.insert(job->id());
    job->interrupt({ErrorId::Cancelled, fmt::format("{}: {}", domain.record.name, why)});
}

Phase Manager::unwinding_phase(Domain& domain) {
    return {"wait for what was under way", 5, [&domain](Job& job, const Done& done) {
                if (domain.unwinding.empty()) return done({});
                domain.on_unwound = [done] { done({}); };
                job.on_interrupt([&domain, done](Error& why) {
                    domain.on_unwound = nullptr;
                    done(std::unexpected(why));
                });
            }};
}

// Nobody works on the domain any more. May be the last that is heard of it.
void Manager::at_rest(Domain& domain) {
    changed(domain);
    if (domain.record.phase == DomainPhase::Stopped) let_go(domain);
    // The guest may have ended while the job held it.
    loop_.post([weak = std::weak_ptr{alive_}] {
        if (const auto manager = weak.lock()) (*manager)->scan_for_ended();
    });
}

// A stopped domain whose definition nobody wants to keep.
void Manager::let_go(Domain& domain) {
    if (domain.record.draft) return fall_back(domain);
    if (domain.record.ephemeral) drop(std::string{domain.record.name});
}

// A create that has failed: what was there before is there again, nothing if nothing was.
void Manager::fall_back(Domain& domain) {
    DomainRecord& record = domain.record;
    if (!record.fallback) return drop(std::string{record.name});
    Fallback before = std::move(*std::exchange(record.fallback, std::nullopt));
    record.draft = false;
    record.uuid = std::move(before.uuid);
    record.source = std::move(before.source);
    record.definition = std::move(before.definition);
    record.ephemeral = before.ephemeral;
    record.end_reason = std::move(before.end_reason);
    config::Diagnostics diagnostics;
    domain.definition = config::parse_definition(record.definition, record.name, {}, settings_.defaults, diagnostics);
    save(domain);
    changed(domain);
}

}  // namespace hvctld
