// The tables of state.db, and the steps that take the file of an older hvctld to them.
#include <fmt/format.h>

#include <array>

#include "hvctl/try.hpp"
#include "registry/registry.hpp"

namespace hvctld {
namespace {

// Step n takes a database of schema n to n + 1. Steps are never changed once released; new ones are added.
constexpr std::array<const char*, Registry::kSchemaVersion> kSteps{
    R"sql(
    CREATE TABLE domains (
        name TEXT PRIMARY KEY, uuid TEXT NOT NULL UNIQUE, source TEXT NOT NULL, definition TEXT NOT NULL,
        ephemeral INTEGER NOT NULL, phase INTEGER NOT NULL, wanted INTEGER NOT NULL,
        domid INTEGER NOT NULL, store_mfn INTEGER NOT NULL, store_port INTEGER NOT NULL,
        console_mfn INTEGER NOT NULL, console_port INTEGER NOT NULL,
        created_us INTEGER NOT NULL, started_us INTEGER NOT NULL, ended_us INTEGER NOT NULL,
        end_reason TEXT NOT NULL, restarts INTEGER NOT NULL, window_us INTEGER NOT NULL) STRICT;
    CREATE TABLE revisions (
        id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, definition TEXT NOT NULL, source TEXT NOT NULL,
        created_us INTEGER NOT NULL) STRICT;
    CREATE INDEX revisions_by_name ON revisions (name);
    CREATE TABLE jobs (
        id INTEGER PRIMARY KEY AUTOINCREMENT, verb TEXT NOT NULL, domain TEXT NOT NULL, state INTEGER NOT NULL,
        phase TEXT NOT NULL, percent INTEGER NOT NULL, started_us INTEGER NOT NULL, ended_us INTEGER NOT NULL,
        deadline_us INTEGER NOT NULL, start_paused INTEGER NOT NULL, attempts INTEGER NOT NULL,
        error INTEGER NOT NULL, message TEXT NOT NULL) STRICT;
    CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
    CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT;
    )sql",
    // Drafts; times that are counted from are monotonic now, so the old ones mean nothing.
    R"sql(
    ALTER TABLE domains ADD COLUMN run_since_us INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE domains ADD COLUMN draft INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE domains ADD COLUMN fallback_uuid TEXT NOT NULL DEFAULT '';
    ALTER TABLE domains ADD COLUMN fallback_source TEXT NOT NULL DEFAULT '';
    ALTER TABLE domains ADD COLUMN fallback_definition TEXT NOT NULL DEFAULT '';
    ALTER TABLE domains ADD COLUMN fallback_ephemeral INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE domains ADD COLUMN fallback_end_reason TEXT NOT NULL DEFAULT '';
    UPDATE domains SET window_us = 0, restarts = 0;
    UPDATE jobs SET deadline_us = 0;
    DROP TABLE counters;
    )sql",
    // Crash loops.
    R"sql(
    ALTER TABLE domains ADD COLUMN gave_up INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE domains ADD COLUMN source_hash INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE domains ADD COLUMN dumped_domid INTEGER NOT NULL DEFAULT 0;
    )sql",
    // A create that fails leaves the domain of the file that it came from.
    R"sql(
    ALTER TABLE domains ADD COLUMN fallback_source_hash INTEGER NOT NULL DEFAULT 0;
    )sql",
};

}  // namespace

Result<void> Registry::migrate() {
    std::int64_t version = 0;
    {
        Statement query = TRY(database_->prepare("PRAGMA user_version"));
        if (TRY(query.step())) version = query.integer(0);
    }
    if (version > kSchemaVersion) {
        return fail(ErrorId::NotSupported, fmt::format("the database has schema {}, this hvctld knows {}; install the "
                                                       "newer hvctld again or move the file away",
                                                       version, kSchemaVersion));
    }
    if (version == kSchemaVersion) return {};
    Transaction transaction = TRY(Transaction::begin(*database_));
    for (auto step = static_cast<std::size_t>(version); step < kSteps.size(); ++step)
        TRY(database_->execute(kSteps[step]));
    TRY(database_->execute(fmt::format("PRAGMA user_version={}", kSchemaVersion).c_str()));
    return transaction.commit();
}

}  // namespace hvctld
