#include <fmt/format.h>

#include <array>
#include <ctime>

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

Result<std::unique_ptr<Registry>> Registry::open(const std::string& path) {
    auto database = TRY(Database::open(path));
    std::unique_ptr<Registry> registry{new Registry{std::move(database)}};
    TRY(within(path, registry->migrate()));
    return registry;
}

std::uint64_t realtime_us() {
    timespec now{};
    clock_gettime(CLOCK_REALTIME, &now);
    return static_cast<std::uint64_t>(now.tv_sec) * 1000000 + static_cast<std::uint64_t>(now.tv_nsec) / 1000;
}

}  // namespace hvctld
