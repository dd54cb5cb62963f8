#include "registry/database.hpp"

#include <fmt/format.h>

#include "hvctl/try.hpp"

namespace hvctld {
namespace {

std::unexpected<Error> failure(sqlite3* connection, std::string_view what) {
    return fail(ErrorId::Io, fmt::format("{}: {}", what, sqlite3_errmsg(connection)));
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

Statement& Statement::bind_null() {
    sqlite3_bind_null(statement_, next_++);
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

bool Statement::is_null(int column) const {
    return sqlite3_column_type(statement_, column) == SQLITE_NULL;
}

Result<std::unique_ptr<Database>> Database::open(const std::string& path) {
    sqlite3* connection = nullptr;
    const int outcome = sqlite3_open_v2(path.c_str(), &connection,
                                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, nullptr);
    std::unique_ptr<Database> database{new Database{connection}};
    if (outcome != SQLITE_OK) return failure(connection, fmt::format("cannot open {}", path));
    // A small cache: the registry is a few pages, and the daemon's memory is budgeted.
    TRY(within(path, database->execute("PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON;"
                                       "PRAGMA cache_size=-256; PRAGMA busy_timeout=5000;")));
    return database;
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
    TRY(database_->execute("COMMIT"));
    database_ = nullptr;
    return {};
}

}  // namespace hvctld
