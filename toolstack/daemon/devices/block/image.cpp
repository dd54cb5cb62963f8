#include "devices/block/image.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/fs.h>
#include <linux/loop.h>
#include <linux/major.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <utility>
#include <vector>

#include "hvctl/try.hpp"
#include "storage/image_format.hpp"

namespace hvctld {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kSector = 512;
constexpr std::string_view kLabel = "hvctl-disk ";

std::string named(const config::DiskDefinition& disk) {
    if (!disk.volume.empty()) return fmt::format("disk {}: volume {} ({})", disk.target, disk.volume, disk.path);
    return fmt::format("disk {}: {}", disk.target, disk.path);
}

// A device number as the kernel's block layer writes it in structures (new_encode_dev() in Linux' kdev_t.h).
dev_t decode_device(std::uint64_t encoded) {
    const auto bits = static_cast<std::uint32_t>(encoded);
    return makedev((bits & 0xfff00) >> 8, (bits & 0xff) | ((bits >> 12) & 0xfff00));
}

// What a loop device has behind it; nothing for other devices and for a loop device that is free.
std::optional<loop_info64> loop_status(int file) {
    loop_info64 info{};
    if (ioctl(file, LOOP_GET_STATUS64, &info) != 0) return std::nullopt;
    return info;
}

std::string sysfs_of(dev_t device) {
    return fmt::format("/sys/dev/block/{}:{}", major(device), minor(device));
}

ImageId id_of_device(dev_t device) {
    const std::string partition = first_line(sysfs_of(device) + "/partition");
    std::uint64_t number = 0;
    (void)std::from_chars(partition.data(), partition.data() + partition.size(), number);
    if (number == 0) return {false, device, 0};
    // A partition's folder is in its disk's.
    std::error_code problem;
    const fs::path folder = fs::canonical(sysfs_of(device), problem);
    const std::string disk = problem ? "" : first_line(folder.parent_path().string() + "/dev");
    unsigned disk_major = 0;
    unsigned disk_minor = 0;
    if (std::sscanf(disk.c_str(), "%u:%u", &disk_major, &disk_minor) != 2) return {false, device, 0};
    return {false, makedev(disk_major, disk_minor), number};
}

// Or a partition of one. A logical volume over a loop device would hand the question on to that.
bool is_of_loop(dev_t device) {
    std::error_code problem;
    return fs::canonical(sysfs_of(device), problem).string().find("/block/loop") != std::string::npos;
}

// A loop device over a block device says so, and has its node's inode besides.
ImageId id_of_loop(const loop_info64& info) {
    if (info.lo_rdevice != 0) return id_of_device(decode_device(info.lo_rdevice));
    return {true, decode_device(info.lo_device), info.lo_inode};
}

Result<void> check_size(std::uint64_t bytes, const config::DiskDefinition& disk) {
    if (bytes == 0) {
        return fail(ErrorId::ImageUnusable,
                    fmt::format("{} is empty; 'truncate -s 10G FILE' makes a disk of a file", named(disk)));
    }
    if (disk.format == "raw" && bytes % kSector != 0) {
        return fail(ErrorId::ImageUnusable,
                    fmt::format("{} has {} bytes, which are no whole sectors: it is cut off, or no image of a disk; "
                                "'truncate -s %{} FILE' fills the last sector up",
                                named(disk), bytes, kSector));
    }
    return {};
}

// What has been opened under that name.
Result<Image> identify(UniqueFd file, const std::string& name) {
    struct stat status {};
    if (fstat(file.get(), &status) != 0) return fail_errno(errno, name);
    if (!S_ISREG(status.st_mode) && !S_ISBLK(status.st_mode))
        return fail(ErrorId::ImageUnusable, name + " is neither a regular file nor a block device");
    Image image;
    image.bytes = TRY(size_of_content(file.get(), name));
    image.id = {true, status.st_dev, status.st_ino};
    if (S_ISBLK(status.st_mode)) {
        image.device = status.st_rdev;
        image.id = id_of_block_device(file.get(), status.st_rdev);
    }
    image.file = std::move(file);
    return image;
}

// O_NONBLOCK: opening a FIFO that has taken the file's place must not wait.
UniqueFd open_either(const std::string& path, bool read_only) {
    return UniqueFd{::open(path.c_str(), (read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)};
}

// The other loop device that has the file, for writing unless all only read.
std::string busy_loop(const Image& image, bool read_only) {
    std::error_code problem;
    const dev_t own = image.device != 0 ? id_of_device(image.device).device : 0;  // the one that is meant, if it is one
    for (const auto& entry : fs::directory_iterator{"/sys/block", problem}) {
        const std::string name = entry.path().filename();
        if (!name.starts_with("loop") || !fs::exists(entry.path() / "loop/backing_file", problem)) continue;
        const UniqueFd file{::open(("/dev/" + name).c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
        struct stat status {};
        if (!file || fstat(file.get(), &status) != 0) continue;
        if (own != 0 && status.st_rdev == own) continue;
        const auto info = loop_status(file.get());
        if (!info || !id_of_loop(*info).overlaps(image.id)) continue;
        if (read_only && (info->lo_flags & LO_FLAGS_READ_ONLY) != 0) continue;
        return "/dev/" + name;
    }
    return {};
}

// Locks as QEMU's file driver takes them: one byte for each thing that it does or does not let others do.
bool locked_by_qemu(int file) {
    constexpr off_t kFirst = 100;
    constexpr off_t kBytes = 200;
    struct flock lock {};
    lock.l_type = F_WRLCK;
    lock.l_whence = SEEK_SET;
    lock.l_start = kFirst;
    lock.l_len = kBytes;
    return fcntl(file, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

}  // namespace

bool go_together(const config::DiskDefinition& one, const config::DiskDefinition& other) {
    return (one.read_only && other.read_only) || (one.shared && other.shared);
}

dev_t whole_disk_of(dev_t device) {
    return static_cast<dev_t>(id_of_device(device).device);
}

ImageId id_of_block_device(int file, dev_t device) {
    if (major(device) == NBD_MAJOR) {
        const auto served = parse_label(first_line(sysfs_of(device) + "/backend"));
        if (served) return served->image;
    }
    const auto info = is_of_loop(device) ? loop_status(file) : std::nullopt;
    return info ? id_of_loop(*info) : id_of_device(device);
}

bool ImageId::overlaps(const ImageId& other) const {
    if (file != other.file || device != other.device) return false;
    return number == other.number || (!file && (number == 0 || other.number == 0));
}

std::string format_image_id(const ImageId& id) {
    return fmt::format("{}:{}:{}", id.file ? "file" : "device", id.device, id.number);
}

std::optional<ImageId> parse_image_id(std::string_view text) {
    ImageId id;
    id.file = text.starts_with("file:");
    if (!id.file && !text.starts_with("device:")) return std::nullopt;
    text.remove_prefix(text.find(':') + 1);
    const char* const end = text.data() + text.size();
    const auto [middle, no_device] = std::from_chars(text.data(), end, id.device);
    if (no_device != std::errc{} || middle == end || *middle != ':') return std::nullopt;
    const auto [rest, no_number] = std::from_chars(middle + 1, end, id.number);
    if (no_number != std::errc{} || rest != end) return std::nullopt;
    return id;
}

std::string format_label(const ServedImage& served) {
    return fmt::format("{}{} {}", kLabel, served.service, format_image_id(served.image));
}

std::optional<ServedImage> parse_label(std::string_view label) {
    if (!label.starts_with(kLabel)) return std::nullopt;
    label.remove_prefix(kLabel.size());
    const std::size_t space = label.find(' ');
    const auto image = space == std::string_view::npos ? std::nullopt : parse_image_id(label.substr(space + 1));
    const std::string_view service = label.substr(0, space);
    const bool is_plain =
        std::ranges::all_of(service, [](char c) { return std::isalnum(static_cast<unsigned char>(c)); });
    if (!image || service.empty() || !is_plain) return std::nullopt;
    return ServedImage{std::string{service}, *image};
}

Result<Image> open_image(const config::DiskDefinition& disk, bool look_inside) {
    UniqueFd file = open_either(disk.path, disk.read_only);
    if (!file) {
        const int number = errno;
        const bool missing = number == ENOENT || number == ENOTDIR;
        return fail(missing ? ErrorId::FileMissing : ErrorId::FileUnreadable,
                    fmt::format("{}: {}{}", named(disk), std::strerror(number),
                                number == EROFS && !disk.read_only ? "; write mode: ro" : ""));
    }
    Image image = TRY(identify(std::move(file), named(disk)));
    // An image of another format is no raw one that has been cut off.
    if (look_inside && image.bytes != 0)
        TRY(within(fmt::format("disk {}", disk.target), check_format(image.file.get(), disk.format, disk.path)));
    TRY(check_size(image.bytes, disk));
    return image;
}

std::string user_in_dom0(const Image& image, bool read_only) {
    if (const std::string loop = busy_loop(image, read_only); !loop.empty())
        return fmt::format("{} has it ('losetup -l' shows more)", loop);
    if (image.device == 0) return locked_by_qemu(image.file.get()) ? "a program has locked it, as QEMU does" : "";
    const UniqueFd alone{
        ::open(fmt::format("/proc/self/fd/{}", image.file.get()).c_str(), O_RDONLY | O_EXCL | O_CLOEXEC | O_NONBLOCK)};
    if (!alone && errno == EBUSY) return "Dom0 has it mounted, or made a part of another device ('lsblk' shows it)";
    return {};
}

Result<void> check_unused(const Image& image, const config::DiskDefinition& disk) {
    if (disk.shared) return {};
    const std::string who = user_in_dom0(image, disk.read_only);
    if (who.empty()) return {};
    return fail(ErrorId::ImageBusy,
                fmt::format("{} is in use: {}; end that first, or write shared: true if all who use it can bear it",
                            named(disk), who));
}

Result<std::uint64_t> size_of_content(int file, const std::string& path) {
    struct stat status {};
    std::uint64_t bytes = 0;
    if (fstat(file, &status) != 0) return fail_errno(errno, path);
    if (!S_ISBLK(status.st_mode)) return static_cast<std::uint64_t>(status.st_size);
    if (ioctl(file, BLKGETSIZE64, &bytes) != 0) return fail_errno(errno, path);
    return bytes;
}

Result<Image> look_at_image(const std::string& path, bool read_only) {
    UniqueFd file = open_either(path, read_only);
    if (file) return identify(std::move(file), path);
    const int number = errno;
    return fail(number == ENOENT || number == ENOTDIR ? ErrorId::FileMissing : ErrorId::FileUnreadable,
                fmt::format("{}: {}", path, std::strerror(number)));
}

Result<void> check_server(const config::DiskDefinition& disk) {
    if (disk.format == "raw" || access(kImageServer, X_OK) == 0) return {};
    return fail(
        ErrorId::BackendFailed,
        fmt::format("{} is served by {}, which is not there: install qemu-system-common", named(disk), kImageServer));
}

Result<void> check_disks(const config::DomainDefinition& definition) {
    std::vector<std::pair<ImageId, const config::DiskDefinition*>> before;
    for (const config::DiskDefinition& disk : definition.disks) {
        const Image image = TRY(open_image(disk, true));
        TRY(check_unused(image, disk));
        TRY(check_server(disk));
        for (const auto& [id, other] : before) {
            if (!id.overlaps(image.id) || go_together(disk, *other)) continue;
            return fail(ErrorId::ImageBusy, fmt::format("{} is {} of this guest already", named(disk), other->target));
        }
        before.emplace_back(image.id, &disk);
    }
    return {};
}

}  // namespace hvctld
