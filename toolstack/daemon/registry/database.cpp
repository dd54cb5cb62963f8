#include "registry/database.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include "hvctl/try.hpp"

namespace hvctld {
namespace {

constexpr int kPatienceOfOpeningMs = 5000;

ErrorId id_of(int code) {
    switch (code & 0xff) {  // the rest of an extended code tells cases apart that are one to us
        case SQLITE_BUSY:
        case SQLITE_LOCKED: return ErrorId::Busy;
        case SQLITE_CORRUPT:
        case SQLITE_NOTADB: return ErrorId::Damaged;
        case SQLITE_CONSTRAINT: return ErrorId::UuidTaken;  // the only constraint that a record can break
        default: return ErrorId::Io;
    }
}

std::unexpected<Error> failure(sqlite3* connection, std::string_view what) {
    return fail(id_of(sqlite3_errcode(connection)), fmt::format("{}: {}", what, sqlite3_errmsg(connection)));
}

}  // namespace

Statement::~Statement() {
    if (statement_ == nullptr) return;
    sqlite3_reset(statement_);
    sqlite3_clear_bindings(statement_);
}

Statement& Statement::bind(std::int64_t value) {
    sqlite3_bind_int64(statement_, next_++, value);
    return *this;
}

Statement& Statement::bind(std::string_view value) {
    sqlite3_bind_text(statement_, next_++, value.data(), static_cast<int>(value.size()), SQLITE_TRANSIENT);
    return *this;
}

Result<bool> Statement::step() {
    const int outcome = sqlite3_step(statement_);
    if (outcome == SQLITE_ROW) return true;
    if (outcome == SQLITE_DONE) return false;
    return failure(sqlite3_db_handle(statement_), "state database");
}

Result<void> Statement::run() {
    while (TRY(step())) {
    }
    return {};
}

std::int64_t Statement::integer(int column) const {
    return sqlite3_column_int64(statement_, column);
}

std::string Statement::text(int column) const {
    const auto* bytes = sqlite3_column_text(statement_, column);
    const int size = sqlite3_column_bytes(statement_, column);
    return bytes == nullptr ? std::string{}
                            : std::string{reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size)};
}

Result<std::unique_ptr<Database>> Database::open(const std::string& path) {
    sqlite3* connection = nullptr;
    const int outcome = sqlite3_open_v2(path.c_str(), &connection,
                                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, nullptr);
    std::unique_ptr<Database> database{new Database{path, connection}};
    if (outcome != SQLITE_OK) return failure(connection, fmt::format("cannot open {}", path));
    sqlite3_busy_timeout(connection, kPatienceOfOpeningMs);
    // In place of the hook that sqlite has there to begin with, which moves pages in the middle of a commit.
    sqlite3_wal_hook(
        connection,
        [](void* self, sqlite3*, const char*, int pages) {
            static_cast<Database*>(self)->pages_beside_ = pages;
            return SQLITE_OK;
        },
        database.get());
    // A small cache: the registry is a few pages, and the daemon's memory is budgeted.
    TRY(within(path, database->execute("PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON;"
                                       "PRAGMA cache_size=-256;")));
    return database;
}

Result<void> Database::checkpoint(const std::string& path) {
    const auto database = TRY(open(path));
    database->wait_for_disk();
    int beside = 0;
    int moved = 0;
    if (sqlite3_wal_checkpoint_v2(database->connection_, nullptr, SQLITE_CHECKPOINT_PASSIVE, &beside, &moved) !=
        SQLITE_OK)
        return failure(database->connection_, path);
    if (moved < beside) return {};  // with one of the next records
    // The first page after a move overwrites those that were moved, and sqlite waits for the disk before it writes the
    // second one. So that page is written here: a number as it is.
    std::int64_t version = 0;
    {
        Statement query = TRY(database->prepare("PRAGMA user_version"));
        if (TRY(query.step())) version = query.integer(0);
    }
    return database->execute(fmt::format("PRAGMA user_version={}", version).c_str());
}

void Database::wait_for_disk() const {
    (void)utimensat(AT_FDCWD, path_.c_str(), nullptr, 0);  // the smallest change that there is
}

Result<void> Database::check() {
    Statement query = TRY(prepare("PRAGMA quick_check(1)"));
    if (TRY(query.step()) && query.text(0) == "ok") return {};
    return fail(ErrorId::Damaged, fmt::format("state database: {}", query.text(0)));
}

void Database::never_wait() {
    sqlite3_busy_timeout(connection_, 0);
}

Database::~Database() {
    for (const auto& [sql, statement] : statements_) sqlite3_finalize(statement);
    sqlite3_close(connection_);
}

Result<void> Database::execute(const char* sql) {
    if (sqlite3_exec(connection_, sql, nullptr, nullptr, nullptr) != SQLITE_OK)
        return failure(connection_, "state database");
    return {};
}

Result<Statement> Database::prepare(std::string_view sql) {
    if (const auto found = statements_.find(sql); found != statements_.end()) return Statement{found->second};
    sqlite3_stmt* statement = nullptr;
    const int outcome = sqlite3_prepare_v3(connection_, sql.data(), static_cast<int>(sql.size()),
                                           SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
    if (outcome != SQLITE_OK) return failure(connection_, "state database");
    statements_.emplace(sql, statement);
    return Statement{statement};
}

Result<Transaction> Transaction::begin(Database& database) {
    TRY(database.execute("BEGIN IMMEDIATE"));
    return Transaction{database};
}

Transaction::~Transaction() {
    if (database_ != nullptr) (void)database_->execute("ROLLBACK");
}

Result<void> Transaction::commit() {
    TRY(database_->execute("COMMIT"));  // a commit that was refused leaves the transaction open
    database_ = nullptr;
    return {};
}

}  // namespace hvctld
