#include "config/disk_target.hpp"

#include <charconv>

namespace hvctld::config {
namespace {

constexpr std::uint32_t kXvdMajor = 202;
constexpr std::uint32_t kScsiMajor = 8;
constexpr std::uint32_t kIdeMajors[] = {3, 22};
constexpr std::uint32_t kShortDisks = 16;  // what fits into a major and a minor number, with that many partitions
constexpr std::uint32_t kIdeDisks = 4;
constexpr std::uint32_t kIdePartitions = 64;
constexpr std::uint32_t kExtended = 1u << 28;
constexpr std::uint32_t kExtendedPartitions = 256;

constexpr std::uint32_t kLetters = 26;

}  // namespace

std::uint32_t DiskTarget::number() const {
    if (prefix == "hd") return kIdeMajors[disk / 2] << 8 | (disk % 2) * kIdePartitions | partition;
    if (prefix == "sd") return kScsiMajor << 8 | disk * kShortDisks | partition;
    if (disk < kShortDisks && partition < kShortDisks) return kXvdMajor << 8 | disk * kShortDisks | partition;
    return kExtended | disk * kExtendedPartitions | partition;
}

bool DiskTarget::overlaps(const DiskTarget& other) const {
    return prefix == other.prefix && disk == other.disk &&
           (partition == other.partition || partition == 0 || other.partition == 0);
}

std::optional<DiskTarget> parse_disk_target(std::string_view text) {
    DiskTarget target;
    std::uint32_t disks = kXvdNames;
    std::uint32_t partitions = kExtendedPartitions;
    if (text.starts_with("xvd")) {
        target.prefix = "xvd";
    } else if (text.starts_with("sd")) {
        target.prefix = "sd";
        disks = partitions = kShortDisks;
    } else if (text.starts_with("hd")) {
        target.prefix = "hd";
        disks = kIdeDisks;
        partitions = kIdePartitions;
    } else {
        return std::nullopt;
    }
    text.remove_prefix(target.prefix.size());
    std::uint32_t disk = 0;  // counted from 1: "a" is 1, "aa" 27
    while (!text.empty() && text.front() >= 'a' && text.front() <= 'z' && disk <= kXvdNames) {
        disk = disk * kLetters + static_cast<std::uint32_t>(text.front() - 'a') + 1;
        text.remove_prefix(1);
    }
    if (disk == 0 || disk > disks) return std::nullopt;
    target.disk = disk - 1;
    if (text.empty()) return target;
    if (text.front() == '0') return std::nullopt;
    const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), target.partition);
    if (problem != std::errc{} || end != text.data() + text.size() || target.partition >= partitions)
        return std::nullopt;
    return target;
}

std::string xvd_name(std::uint32_t disk) {
    std::string letters;
    for (std::uint32_t rest = disk + 1; rest != 0; rest = (rest - 1) / kLetters)
        letters.insert(letters.begin(), static_cast<char>('a' + (rest - 1) % kLetters));
    return "xvd" + letters;
}

}  // namespace hvctld::config
