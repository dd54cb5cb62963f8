#include "config/volume_pools.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <filesystem>

namespace hvctld::config {
namespace {

constexpr std::size_t kLongestVolumeName = 63;
constexpr std::size_t kLongestLvm = 2 * kLongestVolumeName + 1;

bool may_begin(char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0;
}

bool may_follow(char c) {
    return may_begin(c) || c == '.' || c == '_' || c == '+' || c == '-';
}

// Without the slashes and dots that lead nowhere: two pools in one folder are seen.
std::string plain_path(const std::string& text) {
    std::string plain = std::filesystem::path{text}.lexically_normal().string();
    while (plain.size() > 1 && plain.ends_with('/')) plain.pop_back();
    return plain;
}

void read_lvm(const YamlNode& node, const std::string& text, VolumePoolSettings& pool, Diagnostics& diagnostics) {
    const std::size_t slash = text.find('/');
    pool.group = text.substr(0, slash);
    if (slash != std::string::npos) pool.thin = text.substr(slash + 1);
    for (const std::string* part : {&pool.group, &pool.thin}) {
        if (part == &pool.thin && slash == std::string::npos) continue;
        if (!problem_with_volume_name(*part).empty()) {
            diagnostics.error(node.position, fmt::format("lvm: \"{}\" is not GROUP or GROUP/THINPOOL", text));
            return;
        }
    }
}

void read_pool(const YamlEntry& entry, std::vector<VolumePoolSettings>& pools, Diagnostics& diagnostics) {
    VolumePoolSettings pool;
    pool.name = entry.key.scalar;
    if (const std::string problem = problem_with_volume_name(pool.name); !problem.empty())
        return diagnostics.error(entry.key.position, problem);
    if (!expect(entry.value, YamlNode::Kind::Map, pool.name, diagnostics)) return;
    MapReader map{entry.value, "a pool of volumes", diagnostics};
    std::string lvm;
    const YamlNode* const folder = map.take("path");
    map.path("path", pool.path);
    const YamlNode* const group = map.take("lvm");
    map.text("lvm", lvm, kLongestLvm);
    map.finish();
    if ((folder == nullptr) == (group == nullptr)) {
        return diagnostics.error(
            entry.value.position,
            fmt::format("{}: a pool is a folder, path: DIR, or LVM's, lvm: GROUP or lvm: GROUP/THINPOOL", pool.name));
    }
    if (!pool.path.empty()) pool.path = plain_path(pool.path);
    if (pool.path == "/") diagnostics.error(folder->position, "path: a folder of their own keeps volumes apart");
    if (group != nullptr && group->kind == YamlNode::Kind::Scalar) read_lvm(*group, lvm, pool, diagnostics);
    for (const VolumePoolSettings& other : pools) {
        const bool same = other.path == pool.path && other.group == pool.group && other.thin == pool.thin;
        if (!same) continue;
        diagnostics.error(entry.value.position, fmt::format("{}: this is the pool {} already", pool.name, other.name));
    }
    pools.push_back(std::move(pool));
}

}  // namespace

std::string VolumePoolSettings::path_of(std::string_view volume) const {
    return path.empty() ? fmt::format("/dev/{}/{}", group, volume) : fmt::format("{}/{}", path, volume);
}

VolumePoolSettings usual_volume_pool() {
    VolumePoolSettings pool;
    pool.name = kFirstVolumePool;
    pool.path = kVolumesFolder;
    return pool;
}

const VolumePoolSettings* volume_pool_of(const std::vector<VolumePoolSettings>& pools, std::string_view name) {
    const auto found = std::ranges::find(pools, name, &VolumePoolSettings::name);
    return found != pools.end() ? &*found : nullptr;
}

std::string problem_with_volume_name(std::string_view name) {
    if (name.empty()) return "a name cannot be empty";
    if (name.size() > kLongestVolumeName)
        return fmt::format("the name has {} characters; {} are the most", name.size(), kLongestVolumeName);
    if (may_begin(name.front()) && std::ranges::all_of(name, may_follow)) return {};
    return fmt::format("\"{}\" is not a name: a letter or a digit, then those, '.', '_', '+' and '-'", name);
}

Parsed<VolumeName> parse_volume_name(std::string_view text) {
    VolumeName volume{std::string{kFirstVolumePool}, std::string{text}};
    if (const std::size_t slash = text.find('/'); slash != std::string_view::npos)
        volume = {std::string{text.substr(0, slash)}, std::string{text.substr(slash + 1)}};
    for (const std::string* part : {&volume.pool, &volume.name}) {
        if (const std::string problem = problem_with_volume_name(*part); !problem.empty())
            return std::unexpected(fmt::format("\"{}\" is no volume, NAME or POOL/NAME: {}", text, problem));
    }
    return volume;
}

void read_volume_pools(MapReader& reader, std::vector<VolumePoolSettings>& pools, Diagnostics& diagnostics) {
    const YamlNode* node = reader.take("volumes");
    if (node == nullptr || !expect(*node, YamlNode::Kind::Map, "volumes", diagnostics)) return;
    MapReader map{*node, "the pools of volumes", diagnostics};
    if (map.take(kFirstVolumePool) != nullptr) pools.clear();  // the usual one
    for (const YamlEntry& entry : node->entries) {
        (void)map.take(entry.key.scalar);
        read_pool(entry, pools, diagnostics);
    }
    map.finish();  // a name that is there twice
}

}  // namespace hvctld::config
