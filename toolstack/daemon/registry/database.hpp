// sqlite with owners: a connection that keeps its prepared statements, and statements that reset themselves.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/errors.hpp"

namespace hvctld {

// A statement in use: bind in order, then step. Resets when it goes out of scope.
class Statement {
  public:
    explicit Statement(sqlite3_stmt* statement) : statement_{statement} {}
    Statement(Statement&& other) noexcept : statement_{std::exchange(other.statement_, nullptr)} {}
    Statement& operator=(Statement&&) = delete;
    ~Statement();

    Statement& bind(std::int64_t value);
    Statement& bind(std::string_view value);

    // True while there is a row.
    Result<bool> step();
    // For statements that give no rows.
    Result<void> run();

    // Columns of the current row, from 0.
    [[nodiscard]] std::int64_t integer(int column) const;
    [[nodiscard]] std::string text(int column) const;

  private:
    sqlite3_stmt* statement_;
    int next_ = 1;
};

class Database {
  public:
    // Opens or makes the file (":memory:" for none) in WAL mode: what is committed survives the process at once; a
    // power cut may take the last commits, never tear one.
    // Errors: Busy (another process has it locked), Damaged, UuidTaken (a constraint), Io for the rest.
    static Result<std::unique_ptr<Database>> open(const std::string& path);
    ~Database();
    Database(const Database&) = delete;
    Database& operator=(const Database&) = delete;

    // Damaged when the file contradicts itself, as a truncated one does.
    Result<void> check();
    // From here on a lock that another process holds is Busy at once; while opening, it is waited for.
    void never_wait();
    // Pages of changes that wait beside the file. Committing adds to them and does not wait for the disk; moving them
    // into the file does, and is never done on the loop.
    [[nodiscard]] int pages_beside() const { return pages_beside_; }
    // That move, on a connection of its own: for the pool. Begins what is beside the file anew, too, which also waits
    // for the disk; a write meanwhile finds the file Busy for a moment.
    static Result<void> checkpoint(const std::string& path);

    // Waits until the disk takes a change. To be called before anything is written: sqlite shares memory with
    // other processes through a mapped file, and a thread that waits for the disk in there keeps all others of
    // this process from mapping and unmapping memory.
    void wait_for_disk() const;

    Result<void> execute(const char* sql);
    // Prepared once, kept for the next time. One use of the same text at a time.
    Result<Statement> prepare(std::string_view sql);

  private:
    Database(std::string path, sqlite3* connection) : path_{std::move(path)}, connection_{connection} {}
    std::string path_;
    sqlite3* connection_;
    int pages_beside_ = 0;
    std::map<std::string, sqlite3_stmt*, std::less<>> statements_;
};

// Begins a transaction and rolls it back unless it is committed.
class Transaction {
  public:
    static Result<Transaction> begin(Database& database);
    Transaction(Transaction&& other) noexcept : database_{std::exchange(other.database_, nullptr)} {}
    Transaction& operator=(Transaction&&) = delete;
    ~Transaction();
    Result<void> commit();

  private:
    explicit Transaction(Database& database) : database_{&database} {}
    Database* database_;
};

}  // namespace hvctld
