#include "config/parser.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <optional>

#include "config/devices.hpp"
#include "config/disk_limits.hpp"
#include "config/map_reader.hpp"
#include "config/overrides.hpp"
#include "config/readers.hpp"
#include "config/shares.hpp"
#include "config/xl_file.hpp"
#include "config/yaml_advice.hpp"
#include "hvctl/types.hpp"

namespace hvctld::config {
namespace {

constexpr std::uint64_t kPage = 4096;
constexpr std::string_view kDom0Uuid = "00000000-0000-0000-0000-000000000000";
constexpr std::uint64_t kLeastMemory = 4ull << 20;
constexpr std::uint64_t kMostMemory = 16ull << 40;
using hvctl::kMostVcpus;
constexpr std::size_t kLongestCmdline = 1023;  // the PV start info's array, NUL left out

void read_identity(MapReader& reader, DomainDefinition& definition, Diagnostics& diagnostics) {
    if (const YamlNode* node = reader.require("name"); node != nullptr) {
        if (const std::string* text = reader.scalar(*node, "name")) {
            definition.name = *text;
            if (const std::string problem = problem_with_name(*text); !problem.empty())
                diagnostics.error(node->position, problem);
        }
    }
    if (const YamlNode* node = reader.take("uuid")) {
        if (const std::string* text = reader.scalar(*node, "uuid")) {
            if (auto uuid = parse_uuid(*text); uuid && *uuid == kDom0Uuid) {
                diagnostics.error(node->position,
                                  "uuid: all zeros are the UUID of Domain-0; leave the key out to get a fresh one");
            } else if (uuid) {
                definition.uuid = std::move(*uuid);
            } else {
                diagnostics.error(node->position, uuid.error());
            }
        }
    }
    constexpr std::array<std::string_view, 3> kTypes{"pv", "pvh", "hvm"};
    if (const int type = reader.choice("type", kTypes); type >= 0) definition.type = static_cast<DomainType>(type);
}

void check_memory(const YamlNode* node, std::string_view key, std::uint64_t bytes, Diagnostics& diagnostics) {
    if (node == nullptr) return;
    if (const std::string problem = problem_with_memory(bytes); !problem.empty())
        diagnostics.error(node->position, fmt::format("{}: {}", key, problem));
}

void read_memory(MapReader& reader, DomainDefinition& definition, Diagnostics& diagnostics) {
    const std::size_t before = diagnostics.errors().size();
    const YamlNode* memory = reader.require("memory");
    reader.size("memory", definition.memory);
    const YamlNode* most = reader.take("max_memory");
    definition.max_memory = definition.memory;
    reader.size("max_memory", definition.max_memory);
    if (diagnostics.errors().size() != before) return;
    check_memory(memory, "memory", definition.memory, diagnostics);
    check_memory(most, "max_memory", definition.max_memory, diagnostics);
    if (most != nullptr && definition.max_memory < definition.memory) {
        diagnostics.error(most->position,
                          fmt::format("max_memory: {} is less than memory, which is {}",
                                      format_size(definition.max_memory), format_size(definition.memory)));
    }
}

void read_processors(MapReader& reader, DomainDefinition& definition, Diagnostics& diagnostics) {
    reader.number("vcpus", definition.vcpus, 1, kMostVcpus);
    definition.max_vcpus = definition.vcpus;
    reader.number("max_vcpus", definition.max_vcpus, 1, kMostVcpus);
    if (const YamlNode* node = reader.take("max_vcpus"); node != nullptr && definition.max_vcpus < definition.vcpus) {
        diagnostics.error(node->position, fmt::format("max_vcpus: {} is less than vcpus, which is {}",
                                                      definition.max_vcpus, definition.vcpus));
    }
    read_shares(reader, definition, definition.max_vcpus, diagnostics);
    if (const YamlNode* pool = reader.take("pool")) {
        constexpr std::size_t kLongestName = 63;
        reader.text("pool", definition.pool, kLongestName);
        if (const std::string problem = problem_with_name(definition.pool); !problem.empty())
            diagnostics.error(pool->position, "pool: " + problem);
    }
}

void read_endings(MapReader& reader, DomainDefinition& definition, std::optional<EndAction> watchdog,
                  Diagnostics& diagnostics) {
    read_action(reader, "on_poweroff", definition.on_poweroff);
    read_action(reader, "on_reboot", definition.on_reboot);
    read_action(reader, "on_crash", definition.on_crash);
    // A guest whose watchdog has fired looks crashed from outside, and is treated as one.
    definition.on_watchdog = watchdog.value_or(definition.on_crash);
    read_action(reader, "on_watchdog", definition.on_watchdog);
    read_restart(reader, definition.restart, diagnostics);
    reader.boolean("autostart", definition.autostart);
}

void read_limits(MapReader& reader, DomainDefinition& definition, Diagnostics& diagnostics) {
    reader.number("max_event_channels", definition.max_event_channels, 1, 131071);
    reader.number("max_grant_frames", definition.max_grant_frames, 1, 1024);
    reader.number("max_maptrack_frames", definition.max_maptrack_frames, 1, 65536);
    reader.number("max_grant_version", definition.max_grant_version, 1, 2);
    reader.boolean("pv_linear_page_tables", definition.pv_linear_page_tables);
    read_quotas(reader, definition.xenstore_quota, diagnostics);
}

// As the names of RFC 1123.
bool is_host_name(std::string_view text) {
    constexpr std::size_t kLongest = 253;
    const auto fits = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '.'; };
    return !text.empty() && text.size() <= kLongest && std::ranges::all_of(text, fits) && text.front() != '-' &&
           text.front() != '.' && text.find("..") == std::string_view::npos;
}

void read_keys(MapReader& reader, CloudInit& wanted, Diagnostics& diagnostics) {
    constexpr std::size_t kMost = 128;
    const YamlNode* list = reader.take("ssh_authorized_keys");
    if (list == nullptr || !expect(*list, YamlNode::Kind::Sequence, "ssh_authorized_keys", diagnostics)) return;
    if (list->items.size() > kMost) {
        diagnostics.error(list->position, fmt::format("ssh_authorized_keys: at most {}", kMost));
        return;
    }
    for (const YamlNode& item : list->items) {
        const std::string* key = reader.scalar(item, "a key");
        if (key == nullptr) continue;
        if (key->find(' ') == std::string::npos || key->find_first_of("\r\n") != std::string::npos) {
            diagnostics.error(item.position, "ssh_authorized_keys: each is a line as in a file .pub of ssh-keygen");
        } else {
            wanted.ssh_authorized_keys.push_back(*key);
        }
    }
}

void read_cloud_init(MapReader& reader, DomainDefinition& definition, Diagnostics& diagnostics) {
    constexpr std::size_t kLongestName = 253;
    const YamlNode* node = reader.take("cloud_init");
    if (node == nullptr || !expect(*node, YamlNode::Kind::Map, "cloud_init", diagnostics)) return;
    MapReader map{*node, "cloud_init", diagnostics};
    CloudInit wanted;
    if (const YamlNode* name = map.take("hostname")) {
        map.text("hostname", wanted.hostname, kLongestName);
        if (!is_host_name(wanted.hostname))
            diagnostics.error(name->position,
                              fmt::format("hostname: \"{}\" is not the name of a host", wanted.hostname));
    }
    read_keys(map, wanted, diagnostics);
    map.path("user_data", wanted.user_data);
    map.boolean("network", wanted.network);
    map.finish();
    definition.cloud_init = std::move(wanted);
}

void read_boot(MapReader& reader, DomainDefinition& definition, Diagnostics& diagnostics) {
    constexpr std::array<std::string_view, 2> kFrom{"kernel", "disk"};
    definition.boot_from_disk = reader.choice("boot", kFrom) == 1;
    if (definition.type != DomainType::Hvm && !definition.boot_from_disk) reader.require("kernel");
    reader.path("kernel", definition.kernel);
    reader.path("initrd", definition.initrd);
    reader.text("cmdline", definition.cmdline, kLongestCmdline);
    if (!definition.boot_from_disk) return;
    for (const std::string_view key : {"kernel", "initrd", "cmdline"}) {
        if (const YamlNode* node = reader.take(key)) {
            diagnostics.error(
                node->position,
                fmt::format("{}: with boot: disk the guest's own boot loader says it; leave one of them out", key));
        }
    }
}

void check_boot(MapReader& reader, const DomainDefinition& definition, Diagnostics& diagnostics) {
    if (!definition.boot_from_disk || !definition.disks.empty()) return;
    if (const YamlNode* node = reader.take("boot"))
        diagnostics.error(node->position, "boot: there are no disks to boot from; write the key disks");
}

}  // namespace

std::string problem_with_memory(std::uint64_t bytes) {
    if (bytes % kPage != 0) return fmt::format("{} is not a multiple of 4KiB", format_size(bytes));
    if (bytes >= kLeastMemory && bytes <= kMostMemory) return {};
    return fmt::format("{} is out of range; it must be {} to {}", format_size(bytes), format_size(kLeastMemory),
                       format_size(kMostMemory));
}

DomainDefinition parse_definition(std::string_view text, const std::string& source,
                                  std::span<const std::string> overrides, const DomainDefaults& defaults,
                                  Diagnostics& diagnostics) {
    DomainDefinition definition;
    definition.on_poweroff = defaults.on_poweroff;
    definition.on_reboot = defaults.on_reboot;
    definition.on_crash = defaults.on_crash;
    definition.restart = defaults.restart;
    definition.cpu_weight = defaults.cpu_weight;

    const SourceText file{text, source};
    if (looks_like_xl_file(file)) {
        explain_xl_file(file, diagnostics);
        return definition;
    }
    YamlNode root;
    if (!parse_yaml(text, source, diagnostics, root)) return definition;
    if (root.kind == YamlNode::Kind::Scalar) {
        explain_plain_text(file, root.position, "a domain file", diagnostics);
        return definition;
    }
    apply_overrides(root, overrides, diagnostics);
    if (!expect(root, YamlNode::Kind::Map, "a domain file", diagnostics)) return definition;

    MapReader reader{root, "a domain", diagnostics};
    read_identity(reader, definition, diagnostics);
    read_memory(reader, definition, diagnostics);
    read_processors(reader, definition, diagnostics);
    read_boot(reader, definition, diagnostics);
    read_devices(reader, definition, defaults.volumes, diagnostics);
    read_disk_limits(reader, definition.disk_limits, diagnostics);
    check_boot(reader, definition, diagnostics);
    read_cloud_init(reader, definition, diagnostics);
    read_endings(reader, definition, defaults.on_watchdog, diagnostics);
    read_limits(reader, definition, diagnostics);
    reader.finish();
    return definition;
}

}  // namespace hvctld::config
