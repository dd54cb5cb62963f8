#include "config/settings.hpp"

#include <fmt/format.h>

#include <array>

#include "config/map_reader.hpp"
#include "config/readers.hpp"
#include "config/yaml_advice.hpp"

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
    read_restart(map, defaults.restart, diagnostics);
    map.number("cpu_weight", defaults.cpu_weight, 1, 65535);
    map.finish();
}

}  // namespace

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
    reader.finish();
    return settings;
}

}  // namespace hvctld::config
