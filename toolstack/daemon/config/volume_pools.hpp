// Where volumes are: the pools that the host's settings name, and how a volume is called.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/map_reader.hpp"
#include "config/values.hpp"

namespace hvctld::config {

inline constexpr std::string_view kFirstVolumePool = "default";  // of volumes that name none
inline constexpr std::string_view kVolumesFolder = "/var/lib/hvctl/volumes";

// A folder of files, or a volume group of LVM: its thin pool, or the group itself.
struct VolumePoolSettings {
    std::string name;
    std::string path;   // the folder; empty: LVM
    std::string group;  // LVM's
    std::string thin;   // the thin pool of the group; empty: none

    // The file or block device of a volume that is whole.
    [[nodiscard]] std::string path_of(std::string_view volume) const;
};

// What a host has whatever its settings say, unless they have a pool of that name.
VolumePoolSettings usual_volume_pool();
// Null when there is none of that name.
const VolumePoolSettings* volume_pool_of(const std::vector<VolumePoolSettings>& pools, std::string_view name);

// What a volume or a pool may be called, "" when `name` is fine: letters, digits, '.', '_', '+' and '-', the first one
// a letter or a digit, at most 63. Each is a file's name and a logical volume's.
std::string problem_with_volume_name(std::string_view name);

struct VolumeName {
    std::string pool;
    std::string name;

    [[nodiscard]] std::string text() const { return pool + "/" + name; }
};
// "POOL/NAME", or "NAME" of the first pool.
Parsed<VolumeName> parse_volume_name(std::string_view text);

// The key `volumes` of the settings: the usual pool and those that it names, or changes.
void read_volume_pools(MapReader& reader, std::vector<VolumePoolSettings>& pools, Diagnostics& diagnostics);

}  // namespace hvctld::config
