#include "top/figures.hpp"

#include <algorithm>
#include <array>
#include <cstdio>

#include "json.hpp"
#include "text.hpp"
#include "verbs/common.hpp"

namespace hvctl::cli {
namespace {

struct ColumnName {
    TopColumn column;
    const char* name;
    const char* title;
};

constexpr std::array kColumns{
    ColumnName{TopColumn::Name, "name", "Name"},
    ColumnName{TopColumn::State, "state", "State"},
    ColumnName{TopColumn::Cpu, "cpu", "CPU%"},
    ColumnName{TopColumn::Steal, "steal", "Steal%"},
    ColumnName{TopColumn::Memory, "memory", "Mem(MiB)"},
    ColumnName{TopColumn::Received, "received", "Net in/s"},
    ColumnName{TopColumn::Sent, "sent", "Net out/s"},
    ColumnName{TopColumn::Read, "read", "Read/s"},
    ColumnName{TopColumn::Written, "written", "Write/s"},
    ColumnName{TopColumn::Time, "time", "Time(s)"},
};

// What a counter of the same domain has gained. A sum over devices falls when one of them goes.
double gained(const Properties* before, const Properties& now, const char* key) {
    const std::uint64_t first = before != nullptr ? before->number(key) : 0;
    const std::uint64_t last = now.number(key);
    return static_cast<double>(last >= first ? last - first : 0);
}

std::string percent(double value) {
    std::array<char, 32> text{};
    std::snprintf(text.data(), text.size(), "%.1f", value);
    return text.data();
}

std::string rate(double bytes) {
    return bytes < 0.5 ? "-" : format_bytes(static_cast<std::uint64_t>(bytes + 0.5));
}

// What rows are compared by.
double figure(const TopRow& row, TopColumn column) {
    switch (column) {
        case TopColumn::Name:
        case TopColumn::State: return 0;
        case TopColumn::Cpu: return row.cpu;
        case TopColumn::Steal: return row.steal;
        case TopColumn::Memory: return static_cast<double>(row.memory);
        case TopColumn::Received: return row.received;
        case TopColumn::Sent: return row.sent;
        case TopColumn::Read: return row.read;
        case TopColumn::Written: return row.written;
        case TopColumn::Time: return static_cast<double>(row.cpu_time);
    }
    return 0;
}

}  // namespace

std::optional<TopColumn> top_column_named(std::string_view name) {
    const auto found = std::ranges::find_if(kColumns, [&](const ColumnName& one) { return one.name == name; });
    return found != kColumns.end() ? std::optional{found->column} : std::nullopt;
}

std::vector<std::string> top_column_names() {
    std::vector<std::string> names;
    for (const ColumnName& column : kColumns) names.emplace_back(column.name);
    return names;
}

TopFigures top_figures(const Usage& before, const Usage& now) {
    TopFigures figures;
    const std::uint64_t first = before.host.number("at"), last = now.host.number("at");
    const double elapsed = static_cast<double>(last > first ? last - first : 1);  // nanoseconds
    figures.seconds = elapsed / 1e9;
    figures.cpus = now.host.number("cpus");
    figures.memory = now.host.number("memory");
    figures.free_memory = now.host.number("free_memory");
    for (const Properties& domain : now.domains) {
        const auto found = std::ranges::find_if(before.domains, [&](const Properties& one) {
            return one.text("uuid") == domain.text("uuid") && one.number("domid") == domain.number("domid");
        });
        const Properties* old = found != before.domains.end() ? &*found : nullptr;
        TopRow row;
        row.name = domain.text("name");
        row.state = domain.text("state");
        row.domid = domain.number("domid");
        row.vcpus = domain.number("vcpus");
        row.memory = domain.number("memory");
        row.max_memory = domain.number("max_memory");
        row.cpu_time = domain.number("cpu_time");
        row.cpu = gained(old, domain, "cpu_time") / elapsed * 100;
        row.steal = gained(old, domain, "steal_time") / elapsed * 100;
        row.received = gained(old, domain, "received_bytes") / figures.seconds;
        row.sent = gained(old, domain, "sent_bytes") / figures.seconds;
        row.read = gained(old, domain, "disk_read_bytes") / figures.seconds;
        row.written = gained(old, domain, "disk_written_bytes") / figures.seconds;
        figures.rows.push_back(std::move(row));
    }
    return figures;
}

void sort_rows(std::vector<TopRow>& rows, TopColumn column, bool reversed) {
    std::ranges::stable_sort(rows, [&](const TopRow& one, const TopRow& other) {
        const TopRow& a = reversed ? other : one;
        const TopRow& b = reversed ? one : other;
        if (column == TopColumn::Name) return a.name < b.name;
        if (column == TopColumn::State) return a.state < b.state;
        return figure(a, column) > figure(b, column);
    });
}

std::string top_summary(const TopFigures& figures) {
    double used = 0;
    for (const TopRow& row : figures.rows) used += row.cpu;
    const std::size_t guests = figures.rows.empty() ? 0 : figures.rows.size() - 1;
    return std::to_string(guests) + (guests == 1 ? " guest; " : " guests; ") + percent(used) + "% of " +
           std::to_string(figures.cpus * 100) + "% CPU; " + format_bytes(figures.free_memory) + " of " +
           format_bytes(figures.memory) + " free";
}

Table top_table(const TopFigures& figures, TopColumn sorted_by) {
    std::vector<Column> columns;
    for (const ColumnName& column : kColumns) {
        const bool left = column.column == TopColumn::Name || column.column == TopColumn::State;
        columns.push_back({.title = std::string{column.title} + (column.column == sorted_by ? "*" : ""),
                           .align = left ? Align::Left : Align::Right,
                           .optional = column.column > TopColumn::Memory,
                           .last_resort = column.column == TopColumn::State});
    }
    Table table(std::move(columns));
    for (const TopRow& row : figures.rows) {
        table.add({{row.name},
                   state_cell(row.state),
                   {percent(row.cpu)},
                   {percent(row.steal)},
                   {std::to_string(row.memory >> 20)},
                   {rate(row.received)},
                   {rate(row.sent)},
                   {rate(row.read)},
                   {rate(row.written)},
                   {format_seconds(row.cpu_time)}});
    }
    return table;
}

std::string top_json(const TopFigures& figures) {
    std::vector<JsonDocument> list;
    for (const TopRow& row : figures.rows) {
        JsonDocument domain = JsonDocument::part();
        domain.add("name", Value(row.name));
        domain.add("domid", Value(row.domid));
        domain.add("state", Value(row.state));
        domain.add("vcpus", Value(row.vcpus));
        domain.add("cpu_percent", Value(row.cpu));
        domain.add("steal_percent", Value(row.steal));
        domain.add("memory", Value(row.memory));
        domain.add("max_memory", Value(row.max_memory));
        domain.add("received_bytes_per_second", Value(row.received));
        domain.add("sent_bytes_per_second", Value(row.sent));
        domain.add("disk_read_bytes_per_second", Value(row.read));
        domain.add("disk_written_bytes_per_second", Value(row.written));
        domain.add("cpu_time", Value(row.cpu_time));
        list.push_back(std::move(domain));
    }
    JsonDocument document;
    document.add("seconds", Value(figures.seconds));
    document.add("cpus", Value(figures.cpus));
    document.add("memory", Value(figures.memory));
    document.add("free_memory", Value(figures.free_memory));
    document.add("domains", std::move(list));
    return document.text();
}

}  // namespace hvctl::cli
