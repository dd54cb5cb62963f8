#include "hvctl/try.hpp"
#include "registry/registry.hpp"

namespace hvctld {
namespace {

constexpr std::string_view kSelect =
    "SELECT name, uuid, source, definition, ephemeral, phase, wanted, domid, store_mfn, store_port, console_mfn,"
    " console_port, created_us, started_us, ended_us, end_reason, restarts, window_us FROM domains ORDER BY name";

constexpr std::string_view kSave =
    "INSERT INTO domains (name, uuid, source, definition, ephemeral, phase, wanted, domid, store_mfn, store_port,"
    " console_mfn, console_port, created_us, started_us, ended_us, end_reason, restarts, window_us)"
    " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18)"
    " ON CONFLICT (name) DO UPDATE SET uuid = ?2, source = ?3, definition = ?4, ephemeral = ?5, phase = ?6, wanted = "
    "?7,"
    " domid = ?8, store_mfn = ?9, store_port = ?10, console_mfn = ?11, console_port = ?12, created_us = ?13,"
    " started_us = ?14, ended_us = ?15, end_reason = ?16, restarts = ?17, window_us = ?18";

// sqlite has signed integers only; the bits are what counts.
std::int64_t stored(std::uint64_t value) {
    return static_cast<std::int64_t>(value);
}
std::uint64_t unstored(std::int64_t value) {
    return static_cast<std::uint64_t>(value);
}

DomainRecord from_row(const Statement& row) {
    DomainRecord record;
    record.name = row.text(0);
    record.uuid = row.text(1);
    record.source = row.text(2);
    record.definition = row.text(3);
    record.ephemeral = row.integer(4) != 0;
    record.phase = static_cast<DomainPhase>(row.integer(5));
    record.wanted = row.integer(6) != 0;
    record.instance.domid = static_cast<std::uint16_t>(row.integer(7));
    record.instance.store_mfn = unstored(row.integer(8));
    record.instance.store_port = static_cast<std::uint32_t>(row.integer(9));
    record.instance.console_mfn = unstored(row.integer(10));
    record.instance.console_port = static_cast<std::uint32_t>(row.integer(11));
    record.created_us = unstored(row.integer(12));
    record.started_us = unstored(row.integer(13));
    record.ended_us = unstored(row.integer(14));
    record.end_reason = row.text(15);
    record.restarts = static_cast<std::uint32_t>(row.integer(16));
    record.window_us = unstored(row.integer(17));
    return record;
}

Result<void> add_revision(Database& database, const DomainRecord& record) {
    {
        Statement latest =
            TRY(database.prepare("SELECT definition FROM revisions WHERE name = ? ORDER BY id DESC LIMIT 1"));
        latest.bind(record.name);
        if (TRY(latest.step()) && latest.text(0) == record.definition) return {};
    }
    Statement insert =
        TRY(database.prepare("INSERT INTO revisions (name, definition, source, created_us) VALUES (?, ?, ?, ?)"));
    return insert.bind(record.name).bind(record.definition).bind(record.source).bind(stored(realtime_us())).run();
}

}  // namespace

Result<std::vector<DomainRecord>> Registry::domains() {
    std::vector<DomainRecord> records;
    Statement query = TRY(database_->prepare(kSelect));
    while (TRY(query.step())) records.push_back(from_row(query));
    return records;
}

Result<void> Registry::save(const DomainRecord& record) {
    Transaction transaction = TRY(Transaction::begin(*database_));
    {
        Statement save = TRY(database_->prepare(kSave));
        const Instance& instance = record.instance;
        save.bind(record.name).bind(record.uuid).bind(record.source).bind(record.definition);
        save.bind(record.ephemeral ? 1 : 0).bind(static_cast<std::int64_t>(record.phase)).bind(record.wanted ? 1 : 0);
        save.bind(instance.domid).bind(stored(instance.store_mfn)).bind(instance.store_port);
        save.bind(stored(instance.console_mfn)).bind(instance.console_port);
        save.bind(stored(record.created_us)).bind(stored(record.started_us)).bind(stored(record.ended_us));
        save.bind(record.end_reason).bind(record.restarts).bind(stored(record.window_us));
        TRY(save.run());
    }
    TRY(add_revision(*database_, record));
    return transaction.commit();
}

Result<void> Registry::forget(const std::string& name) {
    Statement remove = TRY(database_->prepare("DELETE FROM domains WHERE name = ?"));
    return remove.bind(name).run();
}

Result<std::uint64_t> Registry::revisions(const std::string& name) {
    Statement query = TRY(database_->prepare("SELECT COUNT(*) FROM revisions WHERE name = ?"));
    query.bind(name);
    TRY(query.step());
    return unstored(query.integer(0));
}

}  // namespace hvctld
