// What a guest calls a disk, and the number by which PV block drivers know it (Xen's interface: public/io/blkif.h and
// docs/misc/vbd-interface.txt).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace hvctld::config {

struct DiskTarget {
    std::string_view prefix;      // xvd, sd, hd
    std::uint32_t disk = 0;       // 0: a
    std::uint32_t partition = 0;  // 0: the whole disk

    // The node's name below device/vbd: Linux's major and minor number of old, or Xen's extended form.
    [[nodiscard]] std::uint32_t number() const;
    // One disk and its own partition cannot be two devices of a guest.
    [[nodiscard]] bool overlaps(const DiskTarget& other) const;
};

// xvda to xvdzz, sda to sdp, hda to hdd, each with a partition or without: nothing for what has no number.
std::optional<DiskTarget> parse_disk_target(std::string_view text);
// "xvda", of the n-th disk.
std::string xvd_name(std::uint32_t disk);
inline constexpr std::uint32_t kXvdNames = 26 + 26 * 26;

}  // namespace hvctld::config
