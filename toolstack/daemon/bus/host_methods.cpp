// Methods of the bus's object about the host: what it is, hv's log, debug keys and counters.
#include <fmt/format.h>
#include <sys/utsname.h>

#include <algorithm>
#include <array>

#include "bus/manager_object.hpp"
#include "hvctl/try.hpp"

namespace hvctld::bus {
namespace {

constexpr std::size_t kLogChunk = 128 * 1024;
constexpr std::size_t kMostKeys = 64;

// Fixed arrays of hv: NUL-terminated unless hv is broken.
template <std::size_t Size>
std::string text_of(const char (&array)[Size]) {
    return {array, std::find(array, array + Size, '\0')};
}

// hv's log may hold what a hostile guest wrote: only printable ASCII and line ends pass, so that the reply is UTF-8.
std::string printable(std::string text) {
    std::ranges::replace_if(
        text, [](char c) { return c != '\n' && c != '\t' && (c < ' ' || c > '~'); }, '?');
    return text;
}

std::vector<std::string> features_of(std::uint64_t bits) {
    struct Feature {
        std::uint64_t bit;
        const char* name;
    };
    constexpr std::array kFeatures{Feature{abi::kHostPv, "pv"},       Feature{abi::kHostPvh, "pvh"},
                                   Feature{abi::kHostHvm, "hvm"},     Feature{abi::kHostNestedPaging, "nested-paging"},
                                   Feature{abi::kHostIommu, "iommu"}, Feature{abi::kHostTscStable, "tsc-stable"},
                                   Feature{abi::kHostSmep, "smep"},   Feature{abi::kHostSmap, "smap"},
                                   Feature{abi::kHostUmip, "umip"}};
    std::vector<std::string> names;
    for (const Feature& feature : kFeatures) {
        if ((bits & feature.bit) != 0) names.emplace_back(feature.name);
    }
    return names;
}

// Names in a text of hv's, ", " between them.
std::vector<std::string> names_in(std::string_view text) {
    constexpr std::string_view kSeparator = ", ";
    std::vector<std::string> names;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find(kSeparator), text.size());
        names.push_back(printable(std::string{text.substr(0, end)}));
        text.remove_prefix(std::min(end + kSeparator.size(), text.size()));
    }
    return names;
}

struct Facts {
    hvctl::HvVersion version;
    abi::GetHostInfo host{};
    std::string command_line, build_id, compiler, capabilities;
    std::optional<std::string> leaks, mitigations, open_leaks;  // an older hv does not know
};

// Nothing when hv has no such text.
hvctl::Result<std::optional<std::string>> read_if_there(Hypervisor& hypervisor, abi::Text which) {
    auto text = hypervisor.read_text(which);
    if (text) return std::optional{std::move(*text)};
    if (text.error().code() == hvctl::ErrorCode::InvalidArgument) return std::optional<std::string>{};
    return std::unexpected{std::move(text.error())};
}

hvctl::Result<Facts> collect(Hypervisor& hypervisor) {
    Facts facts;
    facts.version = TRY(hypervisor.version());
    facts.host = TRY(hypervisor.host_info());
    facts.command_line = TRY(hypervisor.read_text(abi::Text::CommandLine));
    facts.build_id = TRY(hypervisor.read_text(abi::Text::BuildId));
    facts.compiler = TRY(hypervisor.read_text(abi::Text::Compiler));
    facts.capabilities = TRY(hypervisor.read_text(abi::Text::Capabilities));
    facts.leaks = TRY(read_if_there(hypervisor, abi::Text::Leaks));
    facts.mitigations = TRY(read_if_there(hypervisor, abi::Text::Mitigations));
    facts.open_leaks = TRY(read_if_there(hypervisor, abi::Text::OpenLeaks));
    return facts;
}

}  // namespace

Result<void> HostMethods::info(ManagerObject& object, sd_bus_message* call) {
    const Facts facts = TRY(within("host information", Result<Facts>{collect(object.manager().hypervisor())}));
    const abi::GetHostInfo& host = facts.host;
    utsname kernel{};
    uname(&kernel);
    return reply(call, [&](Writer& writer) {
        writer.array("{sv}", [&] {
            writer.entry("hv_version", printable(facts.version.version));
            writer.entry("interface_version", facts.version.interface_version);
            writer.entry("command_line", printable(facts.command_line)).entry("build_id", printable(facts.build_id));
            writer.entry("compiler", printable(facts.compiler)).entry("capabilities", printable(facts.capabilities));
            writer.entry("cpu_vendor", printable(text_of(host.cpu_vendor)));
            writer.entry("cpu_model", printable(text_of(host.cpu_model)));
            writer.entry("cpus", host.cpus_online).entry("threads_per_core", host.threads_per_core);
            writer.entry("cores_per_socket", host.cores_per_socket).entry("sockets", host.sockets);
            writer.entry("nodes", host.nodes).entry("tsc_khz", host.tsc_khz);
            writer.entry("memory", host.total_frames * hvctl::kPageSize);
            writer.entry("free_memory", host.free_frames * hvctl::kPageSize);
            writer.entry("claimed_memory", host.claimed_frames * hvctl::kPageSize);
            writer.entry("hv_memory", host.hv_frames * hvctl::kPageSize);
            if (host.microcode != 0) writer.entry("microcode", host.microcode);
            if (facts.leaks) writer.entry("leaks", names_in(*facts.leaks));
            if (facts.mitigations) writer.entry("mitigations", names_in(*facts.mitigations));
            if (facts.open_leaks) writer.entry("open_leaks", names_in(*facts.open_leaks));
            writer.entry("domains", host.domains).entry("features", features_of(host.features));
            writer.entry("kernel", std::string{kernel.release}).entry("uptime", host.system_time);
            const std::string trouble = object.manager().registry_trouble();
            writer.entry("registry", trouble.empty() ? std::string{"ok"} : printable(trouble));
        });
    });
}

Result<void> HostMethods::read_log(ManagerObject& object, sd_bus_message* call) {
    Arguments arguments{call};
    const std::uint64_t position = TRY(arguments.number());
    const bool clear = TRY(arguments.boolean());
    auto log =
        TRY(within("hv's log",
                   Result<hvctl::ConsoleText>{object.manager().hypervisor().read_console(position, kLogChunk, clear)}));
    return reply(call, [&](Writer& writer) { writer.text(printable(std::move(log.text))).number(log.next); });
}

Result<void> HostMethods::debug_keys(ManagerObject& object, sd_bus_message* call) {
    const std::string keys = TRY(Arguments{call}.text());
    if (keys.empty() || keys.size() > kMostKeys)
        return fail(ErrorId::InvalidArgument, fmt::format("1 to {} debug keys, not {}", kMostKeys, keys.size()));
    const auto sent = object.manager().hypervisor().send_debug_keys(keys);
    if (!sent && sent.error().code() == hvctl::ErrorCode::NotFound) {
        return fail(
            ErrorId::InvalidArgument,
            fmt::format("not all of \"{}\" are debug keys of hv's, and none has run; 'hvctl debug-keys h' lists them "
                        "in 'hvctl dmesg'",
                        printable(keys)));
    }
    TRY(within("debug keys", Result<void>{sent}));
    return reply(call, [](Writer&) {});
}

Result<void> HostMethods::perf_counters(ManagerObject& object, sd_bus_message* call) {
    const auto counters =
        TRY(within("performance counters",
                   Result<std::vector<hvctl::PerfCounter>>{object.manager().hypervisor().perf_counters()}));
    return reply(call, [&](Writer& writer) {
        writer.array("{st}", [&] {
            for (const auto& counter : counters) writer.counter(printable(counter.name), counter.value);
        });
    });
}

}  // namespace hvctld::bus
