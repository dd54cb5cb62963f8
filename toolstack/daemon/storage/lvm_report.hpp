// What LVM reports of a volume group (lvmreport(7), in JSON).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "storage/volume_pool.hpp"

namespace hvctld {

struct LogicalVolume {
    std::string name;
    std::uint64_t bytes = 0;
    std::vector<std::string> tags;
    std::string thin_pool;    // that it is in; empty: none
    std::string origin;       // the volume that it is a snapshot of; empty: none
    double data_percent = 0;  // of a thin volume, or of a thin pool, what it has taken
    bool zeroes = false;      // of a thin pool: what it gives has been zeroed

    [[nodiscard]] bool has_tag(std::string_view tag) const;
};

// The options of lvs and vgs for what is read below.
std::vector<std::string> report_options(std::string_view columns);
inline constexpr std::string_view kVolumeColumns = "lv_name,lv_size,lv_tags,pool_lv,origin,data_percent,lv_attr";
inline constexpr std::string_view kGroupColumns = "vg_size,vg_free";

// VolumePoolFailed for what is no such report.
Result<std::vector<LogicalVolume>> read_volume_report(std::string_view json);
Result<PoolSpace> read_group_report(std::string_view json);

}  // namespace hvctld
