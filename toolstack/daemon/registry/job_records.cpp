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

JobRecord from_row(const Statement& row) {
    JobRecord job;
    job.id = unstored(row.integer(0));
    job.verb = row.text(1);
    job.domain = row.text(2);
    job.state = static_cast<JobState>(row.integer(3));
    job.phase = row.text(4);
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

Result<std::vector<JobRecord>> Registry::jobs() {
    std::vector<JobRecord> jobs;
    Statement query =
        TRY(database_->prepare("SELECT id, verb, domain, state, phase, percent, started_us, ended_us, deadline_us, "
                               "start_paused, attempts, error,"
                               " message FROM jobs ORDER BY id"));
    while (TRY(query.step())) jobs.push_back(from_row(query));
    return jobs;
}

Result<void> Registry::add(JobRecord& job) {
    Statement insert =
        TRY(database_->prepare("INSERT INTO jobs (verb, domain, state, phase, percent, started_us, ended_us, "
                               "deadline_us, start_paused, attempts,"
                               " error, message) VALUES (?, ?, ?, '', 0, ?, 0, ?, ?, ?, 0, '')"));
    insert.bind(job.verb).bind(job.domain).bind(static_cast<std::int64_t>(job.state)).bind(stored(job.started_us));
    insert.bind(stored(job.deadline_us)).bind(job.start_paused ? 1 : 0).bind(job.attempts);
    TRY(insert.run());
    job.id = unstored(database_->last_row());
    return {};
}

Result<void> Registry::save(const JobRecord& job) {
    Statement update = TRY(database_->prepare(
        "UPDATE jobs SET state = ?, phase = ?, percent = ?, ended_us = ?, attempts = ?, error = ?, message = ?"
        " WHERE id = ?"));
    update.bind(static_cast<std::int64_t>(job.state)).bind(job.phase).bind(job.percent).bind(stored(job.ended_us));
    update.bind(job.attempts).bind(job.error).bind(job.message).bind(stored(job.id));
    return update.run();
}

Result<void> Registry::trim_jobs(std::uint64_t keep) {
    Statement remove =
        TRY(database_->prepare("DELETE FROM jobs WHERE state >= 2 AND id NOT IN (SELECT id FROM jobs WHERE state >= 2 "
                               "ORDER BY id DESC LIMIT ?)"));
    return remove.bind(stored(keep)).run();
}

Result<std::string> Registry::fact(const std::string& name) {
    Statement query = TRY(database_->prepare("SELECT value FROM facts WHERE name = ?"));
    query.bind(name);
    return TRY(query.step()) ? query.text(0) : std::string{};
}

Result<void> Registry::set_fact(const std::string& name, const std::string& value) {
    Statement save = TRY(database_->prepare(
        "INSERT INTO facts (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = ?2"));
    return save.bind(name).bind(value).run();
}

Result<void> Registry::count(const std::string& name, std::uint64_t amount) {
    Statement save = TRY(database_->prepare(
        "INSERT INTO counters (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = value + ?2"));
    return save.bind(name).bind(stored(amount)).run();
}

Result<void> Registry::touch(std::uint64_t now_us) {
    return set_fact("watchdog", std::to_string(now_us));
}

}  // namespace hvctld
