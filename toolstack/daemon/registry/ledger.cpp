#include "registry/ledger.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/log.hpp"
#include "hvctl/try.hpp"
#include "registry/database.hpp"
#include "registry/open.hpp"

namespace hvctld {
namespace {

constexpr int kMostLedgerPages = 1000;
constexpr std::size_t kMostPending = 100'000;  // while the file takes nothing

// The columns of the sums, in the order of `kSums`.
constexpr std::array<std::uint64_t LedgerSums::*, 10> kSums{
    &LedgerSums::running,         &LedgerSums::promised,
    &LedgerSums::delivered,       &LedgerSums::stolen,
    &LedgerSums::missing,         &LedgerSums::memory_mib_seconds,
    &LedgerSums::disk_read_bytes, &LedgerSums::disk_written_bytes,
    &LedgerSums::received_bytes,  &LedgerSums::sent_bytes,
};

constexpr const char* kMake = R"sql(
    CREATE TABLE IF NOT EXISTS hours (
        uuid TEXT NOT NULL, hour INTEGER NOT NULL, name TEXT NOT NULL,
        running INTEGER NOT NULL, promised INTEGER NOT NULL, delivered INTEGER NOT NULL, stolen INTEGER NOT NULL,
        missing INTEGER NOT NULL, memory_mib_seconds INTEGER NOT NULL, disk_read_bytes INTEGER NOT NULL,
        disk_written_bytes INTEGER NOT NULL, received_bytes INTEGER NOT NULL, sent_bytes INTEGER NOT NULL,
        PRIMARY KEY (uuid, hour)) STRICT, WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS hours_by_name ON hours (name, hour);
    CREATE INDEX IF NOT EXISTS hours_by_hour ON hours (hour);
    CREATE TABLE IF NOT EXISTS nics (
        uuid TEXT NOT NULL, mac TEXT NOT NULL, boot TEXT NOT NULL, interface TEXT NOT NULL,
        seen_received_bytes INTEGER NOT NULL, seen_received_packets INTEGER NOT NULL,
        seen_sent_bytes INTEGER NOT NULL, seen_sent_packets INTEGER NOT NULL,
        received_bytes INTEGER NOT NULL, received_packets INTEGER NOT NULL, sent_bytes INTEGER NOT NULL,
        sent_packets INTEGER NOT NULL, month INTEGER NOT NULL, month_bytes INTEGER NOT NULL,
        month_before INTEGER NOT NULL, bytes_before INTEGER NOT NULL, hour INTEGER NOT NULL,
        PRIMARY KEY (uuid, mac)) STRICT, WITHOUT ROWID;
)sql";

constexpr std::string_view kAdd = R"sql(
    INSERT INTO hours VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (uuid, hour) DO UPDATE SET name = excluded.name,
        running = running + excluded.running, promised = promised + excluded.promised,
        delivered = delivered + excluded.delivered, stolen = stolen + excluded.stolen,
        missing = missing + excluded.missing,
        memory_mib_seconds = memory_mib_seconds + excluded.memory_mib_seconds,
        disk_read_bytes = disk_read_bytes + excluded.disk_read_bytes,
        disk_written_bytes = disk_written_bytes + excluded.disk_written_bytes,
        received_bytes = received_bytes + excluded.received_bytes, sent_bytes = sent_bytes + excluded.sent_bytes
)sql";

constexpr std::string_view kAsk = R"sql(
    SELECT uuid, MIN(hour), name, SUM(running), SUM(promised), SUM(delivered), SUM(stolen), SUM(missing),
           SUM(memory_mib_seconds), SUM(disk_read_bytes), SUM(disk_written_bytes), SUM(received_bytes), SUM(sent_bytes)
    FROM hours WHERE hour >= ?1 AND (?2 = '' OR uuid IN (SELECT uuid FROM hours WHERE name = ?2))
    GROUP BY uuid, hour / ?3 ORDER BY hour / ?3, name, uuid LIMIT ?4
)sql";

constexpr std::string_view kKeepNic =
    "INSERT OR REPLACE INTO nics VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";

constexpr std::string_view kAskNics = R"sql(
    SELECT uuid, mac, boot, interface, seen_received_bytes, seen_received_packets, seen_sent_bytes, seen_sent_packets,
           received_bytes, received_packets, sent_bytes, sent_packets, month, month_bytes, month_before,
           bytes_before, hour FROM nics
)sql";

std::int64_t integer_of(std::uint64_t value) {
    return static_cast<std::int64_t>(value);
}

Result<void> write_nic(Database& database, const LedgerNic& nic) {
    Statement keep = TRY(database.prepare(kKeepNic));
    keep.bind(nic.uuid).bind(nic.mac).bind(nic.boot).bind(nic.interface);
    for (const auto& counters : {nic.seen, nic.total}) {
        for (const std::uint64_t one : counters) keep.bind(integer_of(one));
    }
    for (const std::uint64_t one : {nic.month, nic.month_bytes, nic.month_before, nic.bytes_before, nic.hour})
        keep.bind(integer_of(one));
    return keep.run();
}

Result<std::vector<LedgerNic>> read_nics(Database& database) {
    Statement query = TRY(database.prepare(kAskNics));
    std::vector<LedgerNic> nics;
    while (TRY(query.step())) {
        LedgerNic nic{query.text(0), query.text(1), query.text(2), query.text(3)};
        int column = 4;
        const auto next = [&] { return static_cast<std::uint64_t>(query.integer(column++)); };
        for (auto* counters : {&nic.seen, &nic.total}) std::ranges::generate(*counters, next);
        for (std::uint64_t* one : {&nic.month, &nic.month_bytes, &nic.month_before, &nic.bytes_before, &nic.hour})
            *one = next();
        nics.push_back(std::move(nic));
    }
    return nics;
}

Result<void> write(Database& database, const std::vector<LedgerEntry>& entries, const std::vector<LedgerNic>& nics) {
    database.wait_for_disk();
    Transaction transaction = TRY(Transaction::begin(database));
    std::uint64_t latest = 0;
    for (const LedgerNic& nic : nics) TRY(write_nic(database, nic));
    for (const LedgerEntry& entry : entries) {
        Statement add = TRY(database.prepare(kAdd));
        add.bind(entry.uuid).bind(integer_of(entry.hour)).bind(entry.name);
        for (const auto member : kSums) add.bind(integer_of(entry.sums.*member));
        TRY(add.run());
        latest = std::max(latest, entry.hour);
    }
    constexpr std::uint64_t kHoursKept = Ledger::kDaysKept * 24;
    if (latest > kHoursKept) {
        // A day of them at a time: a clock that is wrong for a while must not empty the ledger.
        Statement trim =
            TRY(database.prepare("DELETE FROM hours WHERE hour < MIN(?, (SELECT MIN(hour) FROM hours) + 24)"));
        TRY(trim.bind(integer_of(latest - kHoursKept)).run());
        Statement trim_nics =
            TRY(database.prepare("DELETE FROM nics WHERE hour < MIN(?, (SELECT MIN(hour) FROM nics) + 24)"));
        TRY(trim_nics.bind(integer_of(latest - kHoursKept)).run());
    }
    return transaction.commit();
}

Result<std::vector<LedgerEntry>> read(Database& database, const std::string& name, std::uint64_t first_hour,
                                      std::uint64_t hours) {
    Statement query = TRY(database.prepare(kAsk));
    query.bind(integer_of(first_hour))
        .bind(name)
        .bind(integer_of(hours != 0 ? hours : ~0ull >> 2))
        .bind(Ledger::kMostRows);
    std::vector<LedgerEntry> entries;
    while (TRY(query.step())) {
        LedgerEntry entry{query.text(0), query.text(2), static_cast<std::uint64_t>(query.integer(1)), {}};
        int column = 3;
        for (const auto member : kSums) entry.sums.*member = static_cast<std::uint64_t>(query.integer(column++));
        entries.push_back(std::move(entry));
    }
    return entries;
}

}  // namespace

LedgerSums& LedgerSums::operator+=(const LedgerSums& other) {
    for (const auto member : kSums) this->*member += other.*member;
    return *this;
}

// Opened when it is needed first, and tried again at the next use when it could not be.
struct Ledger::File {
    Result<Database*> open(const std::string& path) {
        if (database) return database.get();
        auto opened = Database::open(path);
        if (opened) {
            if (const auto sound = (*opened)->execute(kMake); !sound) opened = std::unexpected(sound.error());
        }
        if (!opened && opened.error().id() == ErrorId::Damaged) {
            const std::string aside = TRY(put_database_aside(path));
            log::error("the ledger of what domains got was damaged ({}) and is now {}; a new one has been begun",
                       opened.error().message(), aside);
            opened = Database::open(path);
            if (opened) TRY((*opened)->execute(kMake));
        }
        database = TRY(std::move(opened));
        return database.get();
    }

    // After a failure, but for a lock of another process, the next use opens the file anew.
    template <class T>
    void look_at(const Result<T>& outcome) {
        if (!outcome && outcome.error().id() != ErrorId::Busy) database.reset();
    }

    std::unique_ptr<Database> database;
};

Ledger::Ledger(Loop& loop, std::string path) : path_{std::move(path)}, file_{std::make_shared<File>()}, thread_{loop} {}

void Ledger::add(const LedgerEntry& entry) {
    const auto found = pending_.find({entry.uuid, entry.hour});
    if (found == pending_.end()) {
        if (pending_.size() < kMostPending) pending_.emplace(Key{entry.uuid, entry.hour}, entry);
        return;
    }
    found->second.name = entry.name;
    found->second.sums += entry.sums;
}

void Ledger::keep(const LedgerNic& nic) {
    const std::pair key{nic.uuid, nic.mac};
    if (pending_nics_.size() < kMostPending || pending_nics_.contains(key)) pending_nics_.insert_or_assign(key, nic);
}

void Ledger::ask_nics(const std::function<void(const Result<std::vector<LedgerNic>>&)>& answer) {
    const auto result = std::make_shared<Result<std::vector<LedgerNic>>>();
    thread_.run(
        DiskThread::Wait::IfQuick,
        [file = file_, path = path_, result] {
            const auto database = file->open(path);
            *result = database ? read_nics(**database) : std::unexpected(database.error());
            file->look_at(*result);
        },
        [result, answer](const Result<void>& ran) {
            answer(ran ? *result : Result<std::vector<LedgerNic>>{std::unexpected(ran.error())});
        });
}

void Ledger::flush() {
    if (!under_way_) write_pending(DiskThread::Wait::IfQuick);
}

void Ledger::finish() {
    write_pending(DiskThread::Wait::ForEver);
}

void Ledger::write_pending(DiskThread::Wait wait) {
    if (pending_.empty() && pending_nics_.empty()) return;
    under_way_ = true;
    const auto entries = std::make_shared<std::vector<LedgerEntry>>();
    for (auto& [key, entry] : std::exchange(pending_, {})) entries->push_back(std::move(entry));
    const auto nics = std::make_shared<std::vector<LedgerNic>>();
    for (auto& [key, nic] : std::exchange(pending_nics_, {})) nics->push_back(std::move(nic));
    const auto outcome = std::make_shared<Result<void>>();
    thread_.run(
        wait,
        [file = file_, path = path_, entries, nics, outcome] {
            const auto database = file->open(path);
            *outcome = database ? write(**database, *entries, *nics) : std::unexpected(database.error());
            file->look_at(*outcome);
            if (*outcome && (*database)->pages_beside() > kMostLedgerPages) (void)Database::checkpoint(path);
        },
        [this, entries, nics, outcome](const Result<void>& ran) {
            under_way_ = false;
            const Result<void>& result = ran ? *outcome : ran;
            if (result) {
                told_ = false;
                return;
            }
            for (const LedgerEntry& entry : *entries) add(entry);
            // Not in place of a later one.
            for (const LedgerNic& nic : *nics) pending_nics_.try_emplace({nic.uuid, nic.mac}, nic);
            if (!std::exchange(told_, true)) {
                log::error("the ledger {} cannot be written ({}); what domains get is kept in memory meanwhile", path_,
                           result.error().message());
            }
        });
}

void Ledger::ask(const std::string& name, std::uint64_t first_hour, std::uint64_t hours, const Answer& answer) {
    flush();
    const auto result = std::make_shared<Result<std::vector<LedgerEntry>>>();
    thread_.run(
        DiskThread::Wait::IfQuick,
        [file = file_, path = path_, name, first_hour, hours, result] {
            const auto database = file->open(path);
            *result = database ? read(**database, name, first_hour, hours) : std::unexpected(database.error());
            file->look_at(*result);
        },
        [result, answer](const Result<void>& ran) {
            answer(ran ? *result : Result<std::vector<LedgerEntry>>{std::unexpected(ran.error())});
        });
}

}  // namespace hvctld
