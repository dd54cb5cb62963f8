// The part of Registry that reads and writes jobs, and the small facts.
#include <fmt/format.h>

#include <optional>
#include <set>

#include "hvctl/try.hpp"
#include "registry/registry.hpp"

namespace hvctld {
namespace {

std::int64_t stored(std::uint64_t value) {
    return static_cast<std::int64_t>(value);
}
std::uint64_t unstored(std::int64_t value) {
    return static_cast<std::uint64_t>(value);
}

std::optional<JobState> job_state_of(std::int64_t number) {
    if (number < 0 || number > UINT8_MAX) return std::nullopt;
    const auto state = static_cast<JobState>(number);
    switch (state) {
        case JobState::Queued:
        case JobState::Running:
        case JobState::Done:
        case JobState::Failed:
        case JobState::Cancelled: return state;
    }
    return std::nullopt;
}

// Nothing for a job of a verb or in a state that only another version of hvctld knows, or of a verb that makes no jobs:
// it is not gone on with, and goes with the next trimming.
std::optional<JobRecord> from_row(const Statement& row) {
    const auto verb = verb_of(row.text(1));
    const auto state = job_state_of(row.integer(3));
    if (!verb || !is_stored(*verb) || !state) return std::nullopt;
    JobRecord job;
    job.verb = *verb;
    job.id = unstored(row.integer(0));
    job.domain = row.text(2);
    job.state = *state;
    const std::string phase = row.text(4);
    job.phase = phase_of(phase).value_or(JobPhase::None);
    if (to_string(job.phase) != phase) job.saying = phase;
    job.percent = static_cast<std::uint32_t>(row.integer(5));
    job.started_us = unstored(row.integer(6));
    job.ended_us = unstored(row.integer(7));
    job.deadline_us = unstored(row.integer(8));
    job.start_paused = row.integer(9) != 0;
    job.attempts = static_cast<std::uint32_t>(row.integer(10));
    job.error = static_cast<std::uint16_t>(row.integer(11));
    job.message = row.text(12);
    return job;
}

Result<void> write_job(Database& database, const JobRecord& job) {
    Statement save = TRY(database.prepare(
        "INSERT INTO jobs (id, verb, domain, state, phase, percent, started_us, ended_us, deadline_us, start_paused,"
        " attempts, error, message) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)"
        " ON CONFLICT (id) DO UPDATE SET state = ?4, phase = ?5, percent = ?6, ended_us = ?8, deadline_us = ?9,"
        " attempts = ?11, error = ?12, message = ?13"));
    save.bind(stored(job.id)).bind(to_string(job.verb)).bind(job.domain).bind(static_cast<std::int64_t>(job.state));
    save.bind(job.phase_text()).bind(job.percent).bind(stored(job.started_us)).bind(stored(job.ended_us));
    save.bind(stored(job.deadline_us)).bind(job.start_paused ? 1 : 0).bind(job.attempts).bind(job.error);
    return save.bind(job.message).run();
}

Result<void> remove_jobs_but(Database& database, const std::set<JobId>& kept) {
    std::vector<std::int64_t> gone;
    {
        Statement query = TRY(database.prepare("SELECT id FROM jobs"));
        while (TRY(query.step())) {
            if (!kept.contains(unstored(query.integer(0)))) gone.push_back(query.integer(0));
        }
    }
    for (const std::int64_t id : gone) {
        Statement remove = TRY(database.prepare("DELETE FROM jobs WHERE id = ?"));
        TRY(remove.bind(id).run());
    }
    return {};
}

}  // namespace

std::string_view to_string(JobState state) {
    switch (state) {
        case JobState::Queued: return "queued";
        case JobState::Running: return "running";
        case JobState::Done: return "done";
        case JobState::Failed: return "failed";
        case JobState::Cancelled: return "cancelled";
    }
    return "failed";
}

Result<void> Registry::load() {
    {
        Statement query =
            TRY(database_->prepare("SELECT id, verb, domain, state, phase, percent, started_us, ended_us, deadline_us, "
                                   "start_paused, attempts, error, message FROM jobs"));
        while (TRY(query.step())) {
            if (const auto job = from_row(query)) jobs_[job->id] = *job;
        }
    }
    {
        Statement query = TRY(database_->prepare("SELECT seq FROM sqlite_sequence WHERE name = 'jobs'"));
        if (TRY(query.step())) last_job_ = unstored(query.integer(0));
    }
    Statement query = TRY(database_->prepare("SELECT name, value FROM facts"));
    while (TRY(query.step())) facts_[query.text(0)] = query.text(1);
    return {};
}

Result<void> Registry::add(JobRecord& job) {
    job.id = ++last_job_;
    return save(job);
}

Result<void> Registry::save(const JobRecord& job) {
    jobs_[job.id] = job;
    return remember(fmt::format("job {}", job.id), [job](Database& database) { return write_job(database, job); });
}

Result<void> Registry::trim_jobs(std::uint64_t keep) {
    std::uint64_t ended = 0;
    std::vector<JobId> gone;
    for (auto job = jobs_.rbegin(); job != jobs_.rend(); ++job) {
        if (job->second.state >= JobState::Done && ++ended > keep) gone.push_back(job->first);
    }
    for (const JobId id : gone) {
        jobs_.erase(id);
        std::erase_if(pending_, [&](const Pending& pending) { return pending.key == fmt::format("job {}", id); });
    }
    if (gone.empty()) return {};
    // Also those whose last word never reached the file, and which it has as running.
    std::set<JobId> kept;
    for (const auto& [id, job] : jobs_) kept.insert(id);
    return remember("trim", [kept = std::move(kept)](Database& database) { return remove_jobs_but(database, kept); });
}

std::string Registry::fact(const std::string& name) const {
    const auto found = facts_.find(name);
    return found != facts_.end() ? found->second : std::string{};
}

Result<void> Registry::set_fact(const std::string& name, const std::string& value) {
    facts_[name] = value;
    return remember("fact " + name, [name, value](Database& database) -> Result<void> {
        Statement save = TRY(database.prepare(
            "INSERT INTO facts (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = ?2"));
        return save.bind(name).bind(value).run();
    });
}

}  // namespace hvctld
