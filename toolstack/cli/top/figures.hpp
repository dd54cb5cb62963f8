// What 'hvctl top' shows: two looks at counters, and the rates between them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bus/manager.hpp"
#include "table.hpp"

namespace hvctl::cli {

enum class TopColumn { Name, State, Cpu, Steal, Memory, Received, Sent, Read, Written, Time };

// "cpu", as --sort takes it.
std::optional<TopColumn> top_column_named(std::string_view name);
std::vector<std::string> top_column_names();

struct TopRow {
    std::string name;
    std::string state;
    std::uint64_t domid = 0;
    std::uint64_t vcpus = 0;
    double cpu = 0;    // percent of one CPU
    double steal = 0;  // the same, that it wanted and did not get
    std::uint64_t memory = 0;
    std::uint64_t max_memory = 0;
    double received = 0;  // bytes a second
    double sent = 0;
    double read = 0;
    double written = 0;
    std::uint64_t cpu_time = 0;  // nanoseconds since it began
};

struct TopFigures {
    double seconds = 0;  // between the looks
    std::uint64_t cpus = 0;
    std::uint64_t memory = 0;
    std::uint64_t free_memory = 0;
    std::vector<TopRow> rows;
};

// A domain that the first look does not have has begun since, or was started again.
TopFigures top_figures(const Usage& before, const Usage& now);
// The largest first; names from a to z.
void sort_rows(std::vector<TopRow>& rows, TopColumn column, bool reversed);
// "3 guests; 130.0% of 400% CPU; 12 GiB of 16 GiB free"
std::string top_summary(const TopFigures& figures);
Table top_table(const TopFigures& figures, TopColumn sorted_by);
std::string top_json(const TopFigures& figures);

}  // namespace hvctl::cli
