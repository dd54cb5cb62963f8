// What the daemon remembers across restarts of itself and of the host: /var/lib/hvctl/state.db.
//
// No write waits and none is lost: a record is noted in memory and offered to the file at once, by a DiskThread. What
// the file does not take (its disk is full or does not answer, another process has it locked) stays noted and is
// offered again with the next write and by RegistryRetry. So code that ends a guest saves and goes on; code that
// starts one asks RegistryRetry when it is in the file.
#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/disk_thread.hpp"
#include "base/errors.hpp"
#include "registry/database.hpp"
#include "registry/domain_phase.hpp"
#include "registry/words.hpp"

namespace hvctld {

using JobId = std::uint64_t;  // 0: none

// The domain in hv behind a record. All zero when there is none.
struct Instance {
    std::uint16_t domid = 0;
    std::uint64_t store_mfn = 0;
    std::uint32_t store_port = 0;
    std::uint64_t console_mfn = 0;
    std::uint32_t console_port = 0;
};

// What a failed create goes back to: the stopped domain of the same name that was there before.
struct Fallback {
    std::string uuid;
    std::string source;
    std::string definition;
    bool ephemeral = false;
    EndReason end_reason = EndReason::None;
    std::uint64_t source_hash = 0;
};

struct DomainRecord {
    std::string name;
    std::string uuid;
    std::string source;             // where the definition came from
    std::uint64_t source_hash = 0;  // of the text that it was then; 0: not that text alone
    std::string definition;         // normalised JSON, with what has been changed since
    bool ephemeral = false;
    DomainPhase phase = DomainPhase::Stopped;
    bool wanted = false;  // the administrator wants it to run
    Instance instance;
    std::uint64_t created_us = 0;  // CLOCK_REALTIME
    std::uint64_t started_us = 0;
    std::uint64_t ended_us = 0;
    EndReason end_reason = EndReason::None;
    std::uint32_t restarts = 0;        // after crashes, since window_us
    std::uint64_t window_us = 0;       // CLOCK_MONOTONIC; nothing after a boot of the host
    std::uint64_t run_since_us = 0;    // as started_us, on CLOCK_MONOTONIC
    bool draft = false;                // the definition has not made a guest run yet
    std::optional<Fallback> fallback;  // of a draft; none: the name was new
    std::uint16_t dumped_domid = 0;    // of the run whose end has had its core file, or its try; 0: none
    bool gave_up = false;              // it crashed too often to be started again by the daemon itself
};

// A definition that has made guests run.
struct Revision {
    std::uint64_t number = 0;
    std::uint64_t created_us = 0;  // CLOCK_REALTIME
    std::string source;
    std::string definition;
};

enum class JobState : std::uint8_t { Queued, Running, Done, Failed, Cancelled };
std::string_view to_string(JobState state);

struct JobRecord {
    JobId id = 0;
    Verb verb = Verb::Create;
    std::string domain;
    JobState state = JobState::Queued;
    JobPhase phase = JobPhase::None;
    std::string saying;  // what it is at within that phase, for people; empty: no more than the phase's word
    std::uint32_t percent = 0;
    std::uint64_t started_us = 0;
    std::uint64_t ended_us = 0;
    std::uint64_t deadline_us = 0;  // CLOCK_MONOTONIC; 0: none
    bool start_paused = false;      // of a create job
    std::uint32_t attempts = 1;     // by processes that did not last, and by the present one
    std::uint16_t error = 0;        // ErrorId; of a running job: it is being undone because of it
    std::string message;

    // The phase as it is shown.
    [[nodiscard]] std::string phase_text() const { return saying.empty() ? std::string{to_string(phase)} : saying; }
};

class Registry {
  public:
    // ":memory:" for none.
    static Result<std::unique_ptr<Registry>> open(const std::string& path);
    // A registry in memory in place of one that cannot be opened: it never takes a record, for the given reason.
    static std::unique_ptr<Registry> stand_in(Error reason);
    [[nodiscard]] bool stands_in() const { return stands_in_; }
    // From here on everything is read and written by `thread`; null: by the caller, which then waits for the disk.
    void use(DiskThread* thread) { thread_ = thread; }

    // What save(), forget(), set_fact() and trim_jobs() return is for callers that start something: an error means that
    // the file does not have it yet.

    // As the file had them when it was opened.
    [[nodiscard]] const std::vector<DomainRecord>& domains_at_opening() const { return domains_at_opening_; }
    // For tests: as the file has them now, however long its disk takes.
    Result<std::vector<DomainRecord>> domains();
    // Inserts or replaces the record of that name. A proven definition that has changed becomes a revision.
    Result<void> save(const DomainRecord& record);
    // Gives the record that was there under the name `before`, and its revisions, the name in `record`, which must be
    // free.
    Result<void> rename(const std::string& before, const DomainRecord& record);
    // With its revisions.
    Result<void> forget(const std::string& name);
    // The latest definitions of the name, newest first.
    Result<std::vector<Revision>> revisions(const std::string& name);

    // By number.
    [[nodiscard]] const std::map<JobId, JobRecord>& jobs() const { return jobs_; }
    // Gives the job its id.
    Result<void> add(JobRecord& job);
    Result<void> save(const JobRecord& job);
    // Forgets all but the latest `keep` jobs that have ended.
    Result<void> trim_jobs(std::uint64_t keep);

    // Small facts, by name.
    [[nodiscard]] std::string fact(const std::string& name) const;
    Result<void> set_fact(const std::string& name, const std::string& value);

    // Offers what waits to the file.
    Result<void> flush();
    // How many records the file has not taken.
    [[nodiscard]] std::size_t waiting() const { return pending_.size(); }
    [[nodiscard]] const std::string& path() const { return path_; }
    [[nodiscard]] int pages_beside() const { return pages_beside_; }
    // The disk has not answered yet.
    [[nodiscard]] bool being_written() const { return under_way_; }
    // It has not for so long that this is trouble.
    void note_silence();
    // Why, and what to do about it; nothing when all is well.
    [[nodiscard]] const std::optional<Error>& trouble() const { return trouble_; }
    // Something begins or goes on to wait; the disk has answered, and there is more to write; nothing waits any more.
    std::function<void()> on_waiting;
    std::function<void()> on_answered;
    std::function<void()> on_written;

    // For tests: a file that refuses, or does not answer. Runs where the file is written.
    std::function<Result<void>()> before_write;
    // For tests: the schema that this version writes.
    static constexpr int kSchemaVersion = 4;
    static constexpr std::uint64_t kRevisionsKept = 10;  // of each name

  private:
    using Write = std::function<Result<void>(Database&)>;
    struct Pending {
        std::string key;  // what it is about; a later write replaces an earlier one
        std::shared_ptr<const Write> write;
    };
    struct Batch;

    Registry(std::string path, std::unique_ptr<Database> database);
    Result<void> migrate();
    Result<void> load();
    Result<void> load_domains();
    Result<void> remember(std::string key, Write write);
    void work(DiskThread::Wait wait, std::function<void()> on_disk, std::function<void(const Result<void>&)> done);
    template <class T>
    Result<T> ask(DiskThread::Wait wait, std::function<Result<T>(Database&)> question);
    void written(const Batch& batch);
    [[nodiscard]] Error explain(const Error& refusal) const;
    [[nodiscard]] Error silence() const;

    std::string path_;
    std::unique_ptr<Database> database_;  // the thread's, while it has something to do
    DiskThread* thread_ = nullptr;
    bool under_way_ = false;
    int pages_beside_ = 0;
    std::vector<DomainRecord> domains_at_opening_;
    std::map<JobId, JobRecord> jobs_;
    JobId last_job_ = 0;
    std::map<std::string, std::string> facts_;
    std::list<Pending> pending_;  // in the order of their changes
    std::optional<Error> trouble_;
    bool stands_in_ = false;
    std::shared_ptr<Registry*> alive_;
};

}  // namespace hvctld
