#include "config/settings.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "config/devices.hpp"
#include "config/map_reader.hpp"
#include "config/readers.hpp"
#include "config/shares.hpp"
#include "config/volume_pools.hpp"
#include "config/yaml_advice.hpp"
#include "hvctl/types.hpp"

namespace hvctld::config {
namespace {

constexpr std::uint32_t kMostShutdownTimeout = 60 * 60;  // hvctl-guests.service has TimeoutStopSec=70min
constexpr std::uint64_t kLeastLog = 64 * 1024;
constexpr std::uint64_t kMostLog = 1ull << 30;

void read_bounded(MapReader& reader, std::string_view key, std::uint64_t& value, Diagnostics& diagnostics) {
    const YamlNode* node = reader.take(key);
    reader.size(key, value);
    if (node != nullptr && (value < kLeastLog || value > kMostLog)) {
        diagnostics.error(node->position,
                          fmt::format("{}: {} is out of range; it must be {} to {}", key, format_size(value),
                                      format_size(kLeastLog), format_size(kMostLog)));
    }
}

void read_console(MapReader& reader, ConsoleSettings& console, Diagnostics& diagnostics) {
    const YamlNode* node = reader.take("console");
    if (node == nullptr || !expect(*node, YamlNode::Kind::Map, "console", diagnostics)) return;
    MapReader map{*node, "console", diagnostics};
    read_bounded(map, "log_size", console.log_size, diagnostics);
    read_bounded(map, "log_rate", console.log_rate, diagnostics);
    read_bounded(map, "log_burst", console.log_burst, diagnostics);
    map.finish();
}

void read_defaults(MapReader& reader, DomainDefaults& defaults, Diagnostics& diagnostics) {
    const YamlNode* node = reader.take("defaults");
    if (node == nullptr || !expect(*node, YamlNode::Kind::Map, "defaults", diagnostics)) return;
    MapReader map{*node, "defaults", diagnostics};
    read_action(map, "on_poweroff", defaults.on_poweroff);
    read_action(map, "on_reboot", defaults.on_reboot);
    read_action(map, "on_crash", defaults.on_crash);
    if (map.take("on_watchdog") != nullptr) read_action(map, "on_watchdog", defaults.on_watchdog.emplace());
    read_restart(map, defaults.restart, diagnostics);
    map.number("cpu_weight", defaults.cpu_weight, kLeastWeight, kMostWeight);
    read_hook(map, "nic_hook", defaults.nic_hook, diagnostics);
    map.finish();
}

void read_host_addresses(MapReader& map, NetworkSettings& network, Diagnostics& diagnostics) {
    const YamlNode* list = map.require("addresses");
    if (list == nullptr || !expect(*list, YamlNode::Kind::Sequence, "addresses", diagnostics)) return;
    for (const YamlNode& item : list->items) {
        const std::string* text = map.scalar(item, "an address");
        if (text == nullptr) continue;
        const auto address = parse_ip_prefix(*text);
        if (!address) {
            diagnostics.error(item.position, address.error());
        } else if (address->is_network() || address->length > address->bits() - 2) {
            diagnostics.error(item.position, fmt::format("{}: an address of Dom0 with the length of its network is "
                                                         "needed, such as 192.0.2.1/24",
                                                         *text));
        } else {
            network.addresses.push_back(*address);
        }
    }
    if (list->items.empty()) diagnostics.error(list->position, "addresses: Dom0 needs at least one");
}

void read_network(const YamlNode& node, std::vector<NetworkSettings>& networks, Diagnostics& diagnostics) {
    if (!expect(node, YamlNode::Kind::Map, "a network", diagnostics)) return;
    MapReader map{node, "a network", diagnostics};
    NetworkSettings network;
    if (const YamlNode* bridge = map.take("bridge")) {
        map.text("bridge", network.bridge, kLongestInterface);
        check_interface_name(*bridge, network.bridge, diagnostics);
    }
    read_host_addresses(map, network, diagnostics);
    map.boolean("dhcp", network.dhcp);
    map.boolean("masquerade", network.masquerade);
    constexpr std::uint32_t kLeastMtu = 1280;  // of IPv6: RFC 8200
    constexpr std::uint32_t kMostMtu = 65517;
    map.number("mtu", network.mtu, kLeastMtu, kMostMtu);
    map.finish();
    for (const NetworkSettings& other : networks) {
        if (other.bridge == network.bridge)
            diagnostics.error(node.position, fmt::format("bridge: {} is used twice", network.bridge));
        for (const IpPrefix& address : network.addresses) {
            const auto overlaps = [&](const IpPrefix& one) { return one.network().conflicts(address.network()); };
            if (std::ranges::any_of(other.addresses, overlaps))
                diagnostics.error(node.position,
                                  fmt::format("addresses: {} is a part of two networks", address.text()));
        }
    }
    networks.push_back(std::move(network));
}

void read_networks(MapReader& reader, std::optional<std::vector<NetworkSettings>>& networks, Diagnostics& diagnostics) {
    const YamlNode* list = reader.take("networks");
    if (list == nullptr || !expect(*list, YamlNode::Kind::Sequence, "networks", diagnostics)) return;
    networks.emplace();
    for (const YamlNode& node : list->items) read_network(node, *networks, diagnostics);
}

void read_dom0(MapReader& reader, DomainDefinition& dom0, Diagnostics& diagnostics) {
    const YamlNode* node = reader.take("dom0");
    if (node == nullptr || !expect(*node, YamlNode::Kind::Map, "dom0", diagnostics)) return;
    MapReader map{*node, "dom0", diagnostics};
    read_shares(map, dom0, hvctl::kMostVcpus, diagnostics);
    map.finish();
}

}  // namespace

NetworkSettings usual_network(std::string_view host) {
    NetworkSettings network;
    network.addresses = {*parse_ip_prefix("10.213.0.1/20")};
    if (!host.empty()) {
        // RFC 4193: fd, and 40 bits that are another host's only by accident.
        const std::uint64_t hash = stable_hash(host);
        IpPrefix own = *parse_ip_prefix("fd00::1/64");
        for (std::size_t i = 1; i <= 5; ++i) own.bytes[i] = static_cast<std::uint8_t>(hash >> (8 * i));
        network.addresses.push_back(own);
    }
    network.masquerade = true;
    return network;
}

const NetworkSettings* network_of(const std::vector<NetworkSettings>& networks, std::string_view bridge) {
    const auto found = std::ranges::find(networks, bridge, &NetworkSettings::bridge);
    return found != networks.end() ? &*found : nullptr;
}

Settings parse_settings(std::string_view text, const std::string& source, Diagnostics& diagnostics) {
    Settings settings;
    YamlNode root;
    if (!parse_yaml(text, source, diagnostics, root)) return settings;
    if (root.kind == YamlNode::Kind::Null) return settings;
    if (root.kind == YamlNode::Kind::Scalar) {
        explain_plain_text(SourceText{text, source}, root.position, "the settings file", diagnostics);
        return settings;
    }
    if (!expect(root, YamlNode::Kind::Map, "the settings file", diagnostics)) return settings;

    MapReader reader{root, "the settings", diagnostics};
    constexpr std::array<std::string_view, 4> kLevels{"error", "warning", "info", "debug"};
    constexpr std::array kValues{log::Level::Error, log::Level::Warning, log::Level::Info, log::Level::Debug};
    if (const int level = reader.choice("log_level", kLevels); level >= 0)
        settings.log_level = kValues[static_cast<std::size_t>(level)];
    read_console(reader, settings.console, diagnostics);
    read_defaults(reader, settings.defaults, diagnostics);
    reader.seconds("create_deadline", settings.create_deadline_seconds);
    const YamlNode* const timeout = reader.take("shutdown_timeout");
    reader.seconds("shutdown_timeout", settings.shutdown_timeout_seconds);
    if (timeout != nullptr && settings.shutdown_timeout_seconds > kMostShutdownTimeout) {
        diagnostics.error(timeout->position,
                          fmt::format("shutdown_timeout: at most {}, so that systemd does not give up first",
                                      format_seconds(kMostShutdownTimeout)));
    }
    read_quotas(reader, settings.xenstore_quota, diagnostics);
    read_networks(reader, settings.networks, diagnostics);
    read_volume_pools(reader, settings.defaults.volumes, diagnostics);
    constexpr std::uint32_t kMostVcpusPerCpu = 1024;
    reader.number("vcpus_per_cpu", settings.vcpus_per_cpu, 1, kMostVcpusPerCpu);
    read_dom0(reader, settings.dom0, diagnostics);
    reader.finish();
    return settings;
}

}  // namespace hvctld::config
