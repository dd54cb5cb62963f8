// The part of Registry that reads and writes domains and the revisions of their definitions.
#include <fmt/format.h>

#include <optional>

#include "hvctl/try.hpp"
#include "registry/registry.hpp"

namespace hvctld {
namespace {

constexpr std::string_view kSelect =
    "SELECT name, uuid, source, definition, ephemeral, phase, wanted, domid, store_mfn, store_port, console_mfn,"
    " console_port, created_us, started_us, ended_us, end_reason, restarts, window_us, run_since_us, draft,"
    " fallback_uuid, fallback_source, fallback_definition, fallback_ephemeral, fallback_end_reason, gave_up,"
    " source_hash, dumped_domid, fallback_source_hash FROM domains ORDER BY name";

constexpr std::string_view kSave =
    "INSERT INTO domains (name, uuid, source, definition, ephemeral, phase, wanted, domid, store_mfn, store_port,"
    " console_mfn, console_port, created_us, started_us, ended_us, end_reason, restarts, window_us, run_since_us,"
    " draft, fallback_uuid, fallback_source, fallback_definition, fallback_ephemeral, fallback_end_reason, gave_up, "
    "source_hash, dumped_domid, fallback_source_hash)"
    " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23,"
    " ?24, ?25, ?26, ?27, ?28, ?29)"
    " ON CONFLICT (name) DO UPDATE SET uuid = ?2, source = ?3, definition = ?4, ephemeral = ?5, phase = ?6, wanted = "
    "?7,"
    " domid = ?8, store_mfn = ?9, store_port = ?10, console_mfn = ?11, console_port = ?12, created_us = ?13,"
    " started_us = ?14, ended_us = ?15, end_reason = ?16, restarts = ?17, window_us = ?18, run_since_us = ?19,"
    " draft = ?20, fallback_uuid = ?21, fallback_source = ?22, fallback_definition = ?23, fallback_ephemeral = ?24,"
    " fallback_end_reason = ?25, gave_up = ?26, source_hash = ?27, dumped_domid = ?28,"
    " fallback_source_hash = ?29";

// sqlite has signed integers only; the bits are what counts.
std::int64_t stored(std::uint64_t value) {
    return static_cast<std::int64_t>(value);
}
std::uint64_t unstored(std::int64_t value) {
    return static_cast<std::uint64_t>(value);
}

Result<DomainRecord> from_row(const Statement& row) {
    DomainRecord record;
    record.name = row.text(0);
    record.uuid = row.text(1);
    record.source = row.text(2);
    record.definition = row.text(3);
    record.ephemeral = row.integer(4) != 0;
    const auto phase = domain_phase_of(row.integer(5));
    // What is to be done about that domain only the hvctld that wrote it knows.
    if (!phase) {
        return fail(ErrorId::NotSupported,
                    fmt::format("the database has {} in phase {}, which this hvctld does not know", record.name,
                                row.integer(5)));
    }
    record.phase = *phase;
    record.wanted = row.integer(6) != 0;
    record.instance.domid = static_cast<std::uint16_t>(row.integer(7));
    record.instance.store_mfn = unstored(row.integer(8));
    record.instance.store_port = static_cast<std::uint32_t>(row.integer(9));
    record.instance.console_mfn = unstored(row.integer(10));
    record.instance.console_port = static_cast<std::uint32_t>(row.integer(11));
    record.created_us = unstored(row.integer(12));
    record.started_us = unstored(row.integer(13));
    record.ended_us = unstored(row.integer(14));
    record.end_reason = reason_of(row.text(15)).value_or(EndReason::None);
    record.restarts = static_cast<std::uint32_t>(row.integer(16));
    record.window_us = unstored(row.integer(17));
    record.run_since_us = unstored(row.integer(18));
    record.draft = row.integer(19) != 0;
    Fallback fallback{row.text(20),
                      row.text(21),
                      row.text(22),
                      row.integer(23) != 0,
                      reason_of(row.text(24)).value_or(EndReason::None),
                      unstored(row.integer(28))};
    if (!fallback.uuid.empty()) record.fallback = std::move(fallback);
    record.gave_up = row.integer(25) != 0;
    record.source_hash = unstored(row.integer(26));
    record.dumped_domid = static_cast<std::uint16_t>(row.integer(27));
    return record;
}

Result<void> write_domain(Database& database, const DomainRecord& record) {
    Statement save = TRY(database.prepare(kSave));
    const Instance& instance = record.instance;
    const Fallback fallback = record.fallback.value_or(Fallback{});
    save.bind(record.name).bind(record.uuid).bind(record.source).bind(record.definition);
    save.bind(record.ephemeral ? 1 : 0).bind(static_cast<std::int64_t>(record.phase)).bind(record.wanted ? 1 : 0);
    save.bind(instance.domid).bind(stored(instance.store_mfn)).bind(instance.store_port);
    save.bind(stored(instance.console_mfn)).bind(instance.console_port);
    save.bind(stored(record.created_us)).bind(stored(record.started_us)).bind(stored(record.ended_us));
    save.bind(to_string(record.end_reason)).bind(record.restarts).bind(stored(record.window_us));
    save.bind(stored(record.run_since_us)).bind(record.draft ? 1 : 0).bind(fallback.uuid).bind(fallback.source);
    save.bind(fallback.definition).bind(fallback.ephemeral ? 1 : 0).bind(to_string(fallback.end_reason));
    save.bind(record.gave_up ? 1 : 0).bind(stored(record.source_hash)).bind(record.dumped_domid);
    save.bind(stored(fallback.source_hash));
    return save.run();
}

Result<void> add_revision(Database& database, const DomainRecord& record, std::uint64_t now_us) {
    if (record.draft) return {};
    {
        Statement latest =
            TRY(database.prepare("SELECT definition FROM revisions WHERE name = ? ORDER BY id DESC LIMIT 1"));
        latest.bind(record.name);
        if (TRY(latest.step()) && latest.text(0) == record.definition) return {};
    }
    {
        Statement insert =
            TRY(database.prepare("INSERT INTO revisions (name, definition, source, created_us) VALUES (?, ?, ?, ?)"));
        TRY(insert.bind(record.name).bind(record.definition).bind(record.source).bind(stored(now_us)).run());
    }
    Statement trim =
        TRY(database.prepare("DELETE FROM revisions WHERE name = ?1 AND id NOT IN"
                             " (SELECT id FROM revisions WHERE name = ?1 ORDER BY id DESC LIMIT ?2)"));
    return trim.bind(record.name).bind(stored(Registry::kRevisionsKept)).run();
}

Result<void> remove_all_of(Database& database, const std::string& name) {
    for (const char* sql : {"DELETE FROM domains WHERE name = ?", "DELETE FROM revisions WHERE name = ?"}) {
        Statement remove = TRY(database.prepare(sql));
        TRY(remove.bind(name).run());
    }
    return {};
}

Result<void> move_all_of(Database& database, const std::string& before, const std::string& now) {
    for (const char* sql :
         {"UPDATE domains SET name = ?2 WHERE name = ?1", "UPDATE revisions SET name = ?2 WHERE name = ?1"}) {
        Statement move = TRY(database.prepare(sql));
        TRY(move.bind(before).bind(now).run());
    }
    return {};
}

Result<std::vector<DomainRecord>> read_domains(Database& database) {
    std::vector<DomainRecord> records;
    Statement query = TRY(database.prepare(kSelect));
    while (TRY(query.step())) records.push_back(TRY(from_row(query)));
    return records;
}

Result<std::vector<Revision>> read_revisions(Database& database, const std::string& name) {
    std::vector<Revision> revisions;
    Statement query = TRY(
        database.prepare("SELECT id, created_us, source, definition FROM revisions WHERE name = ? ORDER BY id DESC"));
    query.bind(name);
    while (TRY(query.step()))
        revisions.push_back({unstored(query.integer(0)), unstored(query.integer(1)), query.text(2), query.text(3)});
    return revisions;
}

}  // namespace

// The caller's, if the disk has answered by the time that it looks.
template <class T>
Result<T> Registry::ask(DiskThread::Wait wait, std::function<Result<T>(Database&)> question) {
    if (stands_in_) return T{};
    const auto answer = std::make_shared<std::optional<Result<T>>>();
    const auto over = std::make_shared<bool>(false);
    work(
        wait, [answer, question = std::move(question), database = database_.get()] { *answer = question(*database); },
        [answer, over](const Result<void>& ran) {
            if (!ran) *answer = std::unexpected(ran.error());
            *over = true;
        });
    if (!*over) return std::unexpected(silence());
    return std::move(**answer);
}

Result<void> Registry::load_domains() {
    domains_at_opening_ = TRY(read_domains(*database_));
    return {};
}

Result<std::vector<DomainRecord>> Registry::domains() {
    return ask<std::vector<DomainRecord>>(DiskThread::Wait::ForEver, read_domains);
}

Result<void> Registry::save(const DomainRecord& record) {
    return remember("domain " + record.name, [record, now = realtime_us()](Database& database) -> Result<void> {
        TRY(write_domain(database, record));
        return add_revision(database, record, now);
    });
}

// Under a key of its own: what is saved afterwards under the new name does not take its place while it waits.
Result<void> Registry::rename(const std::string& before, const DomainRecord& record) {
    return remember("rename " + before, [before, record](Database& database) -> Result<void> {
        TRY(move_all_of(database, before, record.name));
        return write_domain(database, record);
    });
}

Result<void> Registry::forget(const std::string& name) {
    return remember("domain " + name, [name](Database& database) { return remove_all_of(database, name); });
}

Result<std::vector<Revision>> Registry::revisions(const std::string& name) {
    return ask<std::vector<Revision>>(DiskThread::Wait::Patiently,
                                      [name](Database& database) { return read_revisions(database, name); });
}

}  // namespace hvctld
