#include "config/readers.hpp"

#include <array>

#include "store/quota.hpp"

namespace hvctld::config {

void read_action(MapReader& reader, std::string_view key, EndAction& action) {
    constexpr std::array<std::string_view, 6> kActions{"destroy",          "restart",          "preserve",
                                                       "coredump-destroy", "coredump-restart", "rename-restart"};
    if (const int chosen = reader.choice(key, kActions); chosen >= 0) action = static_cast<EndAction>(chosen);
}

void read_restart(MapReader& reader, RestartLimit& limit, Diagnostics& diagnostics) {
    const YamlNode* node = reader.take("restart");
    if (node == nullptr || !expect(*node, YamlNode::Kind::Map, "restart", diagnostics)) return;
    MapReader restart{*node, "restart", diagnostics};
    restart.number("max", limit.max, 0, 1000000);
    restart.seconds("window", limit.window_seconds);
    restart.finish();
}

void read_quotas(MapReader& reader, std::vector<std::pair<std::string, std::uint32_t>>& quotas,
                 Diagnostics& diagnostics) {
    const YamlNode* node = reader.take("xenstore_quota");
    if (node == nullptr || !expect(*node, YamlNode::Kind::Map, "xenstore_quota", diagnostics)) return;
    MapReader map{*node, "xenstore_quota", diagnostics};
    for (std::size_t i = 0; i < store::kQuotaCount; ++i) {
        const std::string_view name = store::quota_name(static_cast<store::Quota>(i));
        std::uint32_t limit = 0;
        const bool there = map.take(name) != nullptr;
        map.number(name, limit, 1, 1u << 30);
        if (there) quotas.emplace_back(name, limit);
    }
    map.finish();
}

}  // namespace hvctld::config
