#include "storage/lvm_report.hpp"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "hvctl/try.hpp"

namespace hvctld {
namespace {

using Report = nlohmann::json;

// The rows of the report's only table.
Result<Report> rows_of(std::string_view text, const char* table) {
    const Report json = Report::parse(text, nullptr, false);
    if (json.is_object() && json.contains("report") && json["report"].is_array() && !json["report"].empty()) {
        const Report& first = json["report"].front();
        if (first.is_object() && first.contains(table) && first[table].is_array()) return first[table];
    }
    return fail(ErrorId::VolumePoolFailed, "LVM's report is not as it should be");
}

std::string text_of(const Report& row, const char* column) {
    return row.is_object() && row.contains(column) && row[column].is_string() ? row[column].get<std::string>() : "";
}

std::uint64_t number_of(const Report& row, const char* column) {
    const std::string text = text_of(row, column);
    std::uint64_t number = 0;
    (void)std::from_chars(text.data(), text.data() + text.size(), number);
    return number;
}

std::vector<std::string> words_of(std::string_view list) {
    std::vector<std::string> words;
    while (!list.empty()) {
        const std::size_t comma = std::min(list.find(','), list.size());
        words.emplace_back(list.substr(0, comma));
        list.remove_prefix(std::min(list.size(), comma + 1));
    }
    return words;
}

}  // namespace

bool LogicalVolume::has_tag(std::string_view tag) const {
    return std::ranges::find(tags, tag) != tags.end();
}

std::vector<std::string> report_options(std::string_view columns) {
    return {"--reportformat", "json", "--units", "b", "--nosuffix", "--options", std::string{columns}};
}

Result<std::vector<LogicalVolume>> read_volume_report(std::string_view json) {
    constexpr std::size_t kZeroes = 7;  // the place of that in lv_attr
    std::vector<LogicalVolume> volumes;
    for (const Report& row : TRY(rows_of(json, "lv"))) {
        LogicalVolume volume;
        volume.name = text_of(row, "lv_name");
        volume.bytes = number_of(row, "lv_size");
        volume.tags = words_of(text_of(row, "lv_tags"));
        volume.thin_pool = text_of(row, "pool_lv");
        volume.origin = text_of(row, "origin");
        volume.data_percent = std::strtod(text_of(row, "data_percent").c_str(), nullptr);
        const std::string attributes = text_of(row, "lv_attr");
        volume.zeroes = attributes.size() > kZeroes && attributes[kZeroes] == 'z';
        if (!volume.name.empty()) volumes.push_back(std::move(volume));
    }
    return volumes;
}

Result<PoolSpace> read_group_report(std::string_view json) {
    const Report rows = TRY(rows_of(json, "vg"));
    if (rows.empty()) return fail(ErrorId::VolumePoolFailed, "LVM reports no such volume group");
    return PoolSpace{number_of(rows.front(), "vg_size"), number_of(rows.front(), "vg_free")};
}

}  // namespace hvctld
