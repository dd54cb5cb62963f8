// What the daemon remembers across restarts of itself and of the host: /var/lib/hvctl/state.db.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/errors.hpp"
#include "registry/database.hpp"

namespace hvctld {

using JobId = std::uint64_t;  // 0: none

enum class DomainPhase : std::uint8_t {
    Stopped = 0,   // defined only
    Building = 1,  // a domain of this UUID in hv is half-made
    Running = 2,   // lives in hv; `instance` says how to reach it
};

// The domain in hv behind a record. All zero when there is none.
struct Instance {
    std::uint16_t domid = 0;
    std::uint64_t store_mfn = 0;
    std::uint32_t store_port = 0;
    std::uint64_t console_mfn = 0;
    std::uint32_t console_port = 0;
};

struct DomainRecord {
    std::string name;
    std::string uuid;
    std::string source;      // where the definition came from
    std::string definition;  // normalised JSON
    bool ephemeral = false;
    DomainPhase phase = DomainPhase::Stopped;
    bool wanted = false;  // the administrator wants it to run
    Instance instance;
    std::uint64_t created_us = 0;  // CLOCK_REALTIME
    std::uint64_t started_us = 0;
    std::uint64_t ended_us = 0;
    std::string end_reason;      // "poweroff", "crash", ...
    std::uint32_t restarts = 0;  // since window_us
    std::uint64_t window_us = 0;
};

enum class JobState : std::uint8_t { Queued, Running, Done, Failed, Cancelled };
std::string_view to_string(JobState state);

struct JobRecord {
    JobId id = 0;
    std::string verb;
    std::string domain;
    JobState state = JobState::Queued;
    std::string phase;
    std::uint32_t percent = 0;
    std::uint64_t started_us = 0;
    std::uint64_t ended_us = 0;
    std::uint64_t deadline_us = 0;  // 0: none
    bool start_paused = false;      // of a create job
    std::uint32_t attempts = 1;     // times that it was begun
    std::uint16_t error = 0;        // ErrorId
    std::string message;
};

class Registry {
  public:
    static Result<std::unique_ptr<Registry>> open(const std::string& path);

    Result<std::vector<DomainRecord>> domains();
    // Inserts or replaces the record of that name. A changed definition becomes a revision.
    Result<void> save(const DomainRecord& record);
    Result<void> forget(const std::string& name);
    // How many definitions the name has had.
    Result<std::uint64_t> revisions(const std::string& name);

    Result<std::vector<JobRecord>> jobs();
    // Gives the job its id.
    Result<void> add(JobRecord& job);
    Result<void> save(const JobRecord& job);
    // Forgets all but the latest `keep` jobs that have ended.
    Result<void> trim_jobs(std::uint64_t keep);

    // Counters and other small facts, by name.
    Result<std::string> fact(const std::string& name);
    Result<void> set_fact(const std::string& name, const std::string& value);
    Result<void> count(const std::string& name, std::uint64_t amount = 1);
    // A write that reaches the file; for the watchdog.
    Result<void> touch(std::uint64_t now_us);

    // For tests: the schema that this version writes.
    static constexpr int kSchemaVersion = 1;

  private:
    explicit Registry(std::unique_ptr<Database> database) : database_{std::move(database)} {}
    Result<void> migrate();

    std::unique_ptr<Database> database_;
};

// CLOCK_REALTIME in microseconds.
std::uint64_t realtime_us();

}  // namespace hvctld
