#include "config/disk_limits.hpp"

#include <fmt/format.h>

namespace hvctld::config {
namespace {

constexpr std::string_view kNone = "none";
constexpr std::string_view kPerSecond = "/s";
// Less would not be shared out between the reads and writes of a few disks: a single request may have a MiB.
constexpr std::uint32_t kLeastRequests = 10;
constexpr std::uint32_t kMostRequests = 100'000'000;
constexpr std::uint64_t kLeastBandwidth = std::uint64_t{1} << 20;
constexpr std::uint64_t kMostBandwidth = std::uint64_t{1} << 40;
constexpr std::uint32_t kMostBurst = 86'400;

// The key's value, unless it is the word none, which makes `value` zero.
template <class Value>
const YamlNode* take_limit(MapReader& reader, std::string_view key, Value& value) {
    const YamlNode* node = reader.take(key);
    if (node == nullptr || node->kind != YamlNode::Kind::Scalar || node->scalar != kNone) return node;
    value = 0;
    return nullptr;
}

Parsed<std::uint64_t> parse_bandwidth(std::string_view text) {
    const auto bytes = text.ends_with(kPerSecond) ? parse_size(text.substr(0, text.size() - kPerSecond.size()))
                                                  : Parsed<std::uint64_t>{std::unexpected(std::string{})};
    if (!bytes)
        return std::unexpected(fmt::format("\"{}\" is not a bandwidth; write for example 100MiB/s, or none", text));
    if (*bytes >= kLeastBandwidth && *bytes <= kMostBandwidth) return *bytes;
    return std::unexpected(fmt::format("{} is out of range; it must be {} to {}", text,
                                       format_bandwidth(kLeastBandwidth), format_bandwidth(kMostBandwidth)));
}

void read_limits(MapReader& reader, DiskLimits& limits, Diagnostics& diagnostics) {
    if (take_limit(reader, "iops", limits.requests) != nullptr) {
        auto requests = static_cast<std::uint32_t>(limits.requests);
        reader.number("iops", requests, kLeastRequests, kMostRequests);
        limits.requests = requests;
    }
    if (const YamlNode* node = take_limit(reader, "bandwidth", limits.bytes)) {
        if (const std::string* text = reader.scalar(*node, "bandwidth")) {
            if (const auto bytes = parse_bandwidth(*text)) {
                limits.bytes = *bytes;
            } else {
                diagnostics.error(node->position, "bandwidth: " + bytes.error());
            }
        }
    }
    const YamlNode* burst = take_limit(reader, "burst", limits.burst_seconds);
    if (burst != nullptr) {
        reader.seconds("burst", limits.burst_seconds);
        if (limits.burst_seconds > kMostBurst) {
            diagnostics.error(burst->position, fmt::format("burst: at most {}", format_seconds(kMostBurst)));
        } else if (!limits.any()) {
            diagnostics.error(burst->position, "burst: there is no limit to go beyond; write iops or bandwidth, too");
        }
    }
    reader.finish();
    if (!limits.any()) limits.burst_seconds = 0;
}

}  // namespace

std::string format_bandwidth(std::uint64_t bytes) {
    return fmt::format("{}{}", format_size(bytes), kPerSecond);
}

void read_disk_limits(MapReader& reader, DiskLimits& limits, Diagnostics& diagnostics) {
    const YamlNode* node = reader.take("disk_limits");
    if (node == nullptr || !expect(*node, YamlNode::Kind::Map, "disk_limits", diagnostics)) return;
    MapReader map{*node, "disk_limits", diagnostics};
    read_limits(map, limits, diagnostics);
}

bool parse_disk_limit_change(std::string_view text, const std::string& source, DiskLimits& limits,
                             Diagnostics& diagnostics) {
    YamlNode root;
    if (!parse_yaml(text, source, diagnostics, root) || !expect(root, YamlNode::Kind::Map, "a change", diagnostics))
        return false;
    DiskLimits changed = limits;
    MapReader reader{root, "a change of limits", diagnostics};
    read_limits(reader, changed, diagnostics);
    if (diagnostics.failed()) return false;
    limits = changed;
    return true;
}

}  // namespace hvctld::config
