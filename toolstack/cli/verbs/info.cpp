#include <array>
#include <charconv>

#include "json.hpp"
#include "text.hpp"
#include "verbs/verbs.hpp"

namespace hvctl::cli {
namespace {

enum class Unit { Text, Number, Hex, Bytes, Span, Kilohertz, List, Names };

struct Row {
    const char* key;
    const char* label;
    Unit unit;
};

constexpr std::array kRows = {
    Row{"hv_version", "hv version", Unit::Text},
    Row{"interface_version", "control interface", Unit::Number},
    Row{"build_id", "build", Unit::Text},
    Row{"compiler", "compiler", Unit::Text},
    Row{"command_line", "command line", Unit::Text},
    Row{"capabilities", "guest interfaces", Unit::Text},
    Row{"features", "features", Unit::List},
    Row{"kernel", "Dom0 kernel", Unit::Text},
    Row{"uptime", "up for", Unit::Span},
    Row{"cpu_model", "CPU", Unit::Text},
    Row{"cpu_vendor", "CPU vendor", Unit::Text},
    Row{"microcode", "microcode", Unit::Hex},
    Row{"cpus", "CPUs", Unit::Number},
    Row{"threads_per_core", "threads per core", Unit::Number},
    Row{"cores_per_socket", "cores per socket", Unit::Number},
    Row{"sockets", "sockets", Unit::Number},
    Row{"nodes", "NUMA nodes", Unit::Number},
    Row{"tsc_khz", "TSC", Unit::Kilohertz},
    Row{"memory", "memory", Unit::Bytes},
    Row{"free_memory", "free memory", Unit::Bytes},
    Row{"claimed_memory", "claimed memory", Unit::Bytes},
    Row{"hv_memory", "used by hv", Unit::Bytes},
    Row{"leaks", "leaks", Unit::Names},
    Row{"mitigations", "mitigations", Unit::Names},
    Row{"open_leaks", "not mitigated", Unit::Names},
    Row{"domains", "domains", Unit::Number},
    Row{"registry", "registry", Unit::Text},
};

std::string shown(const Properties& info, const Row& row) {
    switch (row.unit) {
        case Unit::Text: return safe_for_terminal(info.text(row.key));
        case Unit::Number: return std::to_string(info.number(row.key));
        case Unit::Hex: {
            std::array<char, 16> digits{};
            const auto end = std::to_chars(digits.begin(), digits.end(), info.number(row.key), 16).ptr;
            return "0x" + std::string(digits.begin(), end);
        }
        case Unit::Bytes: return format_bytes(info.number(row.key));
        case Unit::Span: return format_span(info.number(row.key));
        case Unit::Kilohertz: {
            std::uint64_t khz = info.number(row.key);
            std::string fraction = std::to_string(1000 + khz % 1000).substr(1);
            return std::to_string(khz / 1000) + '.' + fraction + " MHz";
        }
        case Unit::List: return join(info.texts(row.key), " ");
        case Unit::Names: {
            const std::string names = join(info.texts(row.key), ", ");
            return names.empty() ? "none" : safe_for_terminal(names);
        }
    }
    return {};
}

void print_table(const Context& context, const Properties& info) {
    std::size_t width = 0;
    for (const Row& row : kRows) width = std::max(width, std::string_view(row.label).size());
    for (const Row& row : kRows) {
        if (!info.has(row.key)) continue;
        std::string label = row.label;
        std::string padding(width - label.size(), ' ');
        const std::string value = shown(info, row);
        const std::size_t indent = width + 2;
        const bool wraps = context.out.is_tty && context.out.width > 2 * indent;
        print(context.out.paint(label, Colour::Bold) + padding + "  " +
              (wraps ? wrap(value, context.out.width, indent) : value) + '\n');
    }
}

}  // namespace

void add_info(App& app, Context& context) {
    auto json = std::make_shared<bool>(false);
    Verb& verb = app.verb("info", Topic::Host, "show the host: hv, CPUs, memory");
    verb.description =
        "Shows which hv runs, with which options, on what machine, how much of the machine is free, "
        "what its processors leak and what hv does against that.";
    verb.examples = "hvctl info\nhvctl info --json | jq .host.free_memory";
    verb.flag("--json", *json, "everything that is known, in JSON; memory in bytes, times in nanoseconds");
    verb.run = [json, &context]() -> Result<void> {
        Properties info = TRY(TRY(context.manager())->get_host_info());
        if (!*json) {
            print_table(context, info);
            return {};
        }
        JsonDocument document;
        document.add("host", info);
        print(document.text());
        return {};
    };
}

}  // namespace hvctl::cli
