// The file or block device behind a disk. It is known by what it is, not by a path: links, other mounts of its file
// system and loop devices all lead to the same one. Everything here may wait for a disk that does not answer.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/files.hpp"
#include "config/definition.hpp"

namespace hvctld {

struct ImageId {
    bool file = true;
    std::uint64_t device = 0;  // the file's file system; otherwise the block device, of a partition its whole disk
    std::uint64_t number = 0;  // the file's inode; otherwise the partition, 0: all of the disk

    // Writing to one of them changes the other.
    [[nodiscard]] bool overlaps(const ImageId& other) const;
    bool operator==(const ImageId&) const = default;
};
// "file:2049:131" or "device:2048:1", with numbers as stat(2) gives them.
std::string format_image_id(const ImageId& id);
std::optional<ImageId> parse_image_id(std::string_view text);

// What a network block device is labelled with that serves an image which is not raw: the service and its image.
struct ServedImage {
    std::string service;
    ImageId image;
};
std::string format_label(const ServedImage& served);
std::optional<ServedImage> parse_label(std::string_view label);

// Of an open block device, which is number `device`: of a loop device, and of one with such a label, what is behind it.
ImageId id_of_block_device(int file, dev_t device);
// A partition's disk; every other block device is its own.
dev_t whole_disk_of(dev_t device);

// Two disks may have one image: neither writes, or both bear that the other does.
bool go_together(const config::DiskDefinition& one, const config::DiskDefinition& other);

struct Image {
    UniqueFd file;
    ImageId id;
    dev_t device = 0;  // a block device's own number; 0: a regular file
    std::uint64_t bytes = 0;
};

// For reading and writing as the disk says. FileMissing, FileUnreadable; ImageUnusable where it is no image, or, with
// `look_inside`, an image of another format (whose owner would find its headers as the content of the disk).
Result<Image> open_image(const config::DiskDefinition& disk, bool look_inside);

// ImageBusy when a program of Dom0 or Dom0 itself has it (mounted, swapped to, part of a volume group, behind a loop
// device, locked by a QEMU) in a way that does not go with the disk's. Of other domains it knows nothing.
Result<void> check_unused(const Image& image, const config::DiskDefinition& disk);

// Serves the images that are not raw.
inline constexpr const char* kImageServer = "/usr/bin/qemu-storage-daemon";
// BackendFailed when the disk needs it, and it is not installed.
Result<void> check_server(const config::DiskDefinition& disk);

// What in Dom0 uses it in a way that does not go with reading it, or with writing to it; empty: nothing.
std::string user_in_dom0(const Image& image, bool read_only);

// A file or block device that may be anything: no disk of a guest, but what is to be one, or is not to be one any more.
// FileMissing, FileUnreadable, ImageUnusable.
Result<Image> look_at_image(const std::string& path, bool read_only);
// The bytes of an open file or block device.
Result<std::uint64_t> size_of_content(int file, const std::string& path);

// Whether all disks of a guest that does not run could be served, other domains aside.
Result<void> check_disks(const config::DomainDefinition& definition);

}  // namespace hvctld
