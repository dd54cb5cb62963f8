#include "devices/block/image_room.hpp"

#include <fmt/format.h>
#include <linux/magic.h>
#include <linux/major.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

#include <cerrno>
#include <filesystem>
#include <optional>

#include "hvctl/try.hpp"

namespace hvctld {
namespace {

struct FoundImage {
    std::string path;
    struct stat status;
};

std::optional<FoundImage> find_file(const std::string& path, const ImageId& id) {
    FoundImage found{path, {}};
    if (stat(path.c_str(), &found.status) != 0) return std::nullopt;
    // A loop device of Dom0's own, whose file the image is.
    if (S_ISBLK(found.status.st_mode) && major(found.status.st_rdev) == LOOP_MAJOR) {
        found.path =
            first_line(fmt::format("/sys/dev/block/{}:{}/loop/backing_file", LOOP_MAJOR, minor(found.status.st_rdev)));
        if (stat(found.path.c_str(), &found.status) != 0) return std::nullopt;
    }
    const bool same =
        S_ISREG(found.status.st_mode) && found.status.st_dev == id.device && found.status.st_ino == id.number;
    return same ? std::optional{found} : std::nullopt;
}

// What is written anew may take new space there, also where the file has no holes: copies share blocks.
bool copies_on_write(const std::string& path) {
    constexpr std::uint32_t kZfs = 0x2fc1'2fc1, kBcachefs = 0xca45'1a4e;
    struct statfs system {};
    if (statfs(path.c_str(), &system) != 0) return false;
    const auto type = static_cast<std::uint32_t>(system.f_type);
    return type == BTRFS_SUPER_MAGIC || type == XFS_SUPER_MAGIC || type == OCFS2_SUPER_MAGIC || type == kZfs ||
           type == kBcachefs;
}

// Elsewhere a raw image without holes takes no more than it has; the others have tables that grow, and may grow
// themselves.
bool may_grow(const FoundImage& image, bool raw) {
    constexpr std::uint64_t kStatBlock = 512;  // whatever the file system's are, see stat(2)
    const auto& status = image.status;
    return !raw ||
           static_cast<std::uint64_t>(status.st_blocks) * kStatBlock < static_cast<std::uint64_t>(status.st_size) ||
           copies_on_write(image.path);
}

// The uppermost folder above the file that is on its file system.
std::string mount_point_of(const std::string& path, dev_t device) {
    std::error_code problem;
    std::filesystem::path folder = std::filesystem::canonical(path, problem).parent_path();
    if (problem) return path;
    while (folder.has_relative_path()) {
        struct stat above {};
        if (stat(folder.parent_path().c_str(), &above) != 0 || above.st_dev != device) break;
        folder = folder.parent_path();
    }
    return folder.string();
}

Result<void> measure(const FoundImage& image, FileSystemRoom& room) {
    struct statvfs system {};
    if (statvfs(image.path.c_str(), &system) != 0) return fail_errno(errno, image.path);
    room.mounted_on = mount_point_of(image.path, image.status.st_dev);
    room.bytes = std::uint64_t{system.f_blocks} * system.f_frsize;
    room.free = std::uint64_t{system.f_bavail} * system.f_frsize;
    return {};
}

}  // namespace

Result<FileSystemRoom> look_at_room(const std::vector<ImageFile>& images) {
    FileSystemRoom room;
    for (const ImageFile& image : images) {
        const auto found = find_file(image.path, image.id);
        if (!found) {
            room.lost.push_back(image.path);
            continue;
        }
        if (room.mounted_on.empty()) TRY(measure(*found, room));
        if (may_grow(*found, image.raw)) room.growing.push_back(image.id);
    }
    return room;
}

}  // namespace hvctld
