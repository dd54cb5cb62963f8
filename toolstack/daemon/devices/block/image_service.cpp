#include "devices/block/image_service.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/random.h>
#include <sys/stat.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

#include "devices/block/qmp.hpp"
#include "devices/block/unix_socket.hpp"
#include "hvctl/try.hpp"
#include "storage/image_format.hpp"

namespace hvctld {
namespace {

namespace fs = std::filesystem;

HelperKind kind_of_service() {
    return {"hvctl-disk", "/run/hvctl-disks"};
}
// Of the unit's command line.
constexpr const char* kExport = "disk";
// Names of the link, and of what the service sees in its root.
constexpr const char* kWritable = "/image";
constexpr const char* kReadOnly = "/image-ro";
constexpr const char* kKey = "/key";

std::string socket_of(const std::string& id, const char* name) {
    return fmt::format("/run/hvctl-disk-{}/{}", id, name);
}

bool can_be_direct(const Image& image, bool read_only) {
    const std::string path = fmt::format("/proc/self/fd/{}", image.file.get());
    return static_cast<bool>(
        UniqueFd{::open(path.c_str(), (read_only ? O_RDONLY : O_RDWR) | O_DIRECT | O_CLOEXEC | O_NONBLOCK)});
}

// QEMU takes all of it as the key, as cryptsetup does.
Result<void> check_key(const config::DiskDefinition& disk) {
    constexpr off_t kLongest = 64 * 1024;
    const UniqueFd file{::open(disk.key_file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
    struct stat status {};
    if (!file || fstat(file.get(), &status) != 0)
        return fail(errno == ENOENT ? ErrorId::FileMissing : ErrorId::FileUnreadable,
                    fmt::format("key_file: {}: {}", disk.key_file, std::strerror(errno)));
    if (S_ISREG(status.st_mode) && status.st_size > 0 && status.st_size <= kLongest) return {};
    return fail(ErrorId::FileUnreadable, fmt::format("key_file: {} is no file with a key", disk.key_file));
}

// What a path leads to is looked for again by another process.
Result<void> check_same(const std::string& path, const ImageId& id) {
    if (TRY(look_at_image(path, true)).id == id) return {};
    return fail(
        ErrorId::FileUnreadable,
        fmt::format("{} leads to another file by now; have the guest started again with the one that is meant", path));
}

}  // namespace

ImageService ImageService::make(const ImageId& image) {
    std::uint64_t bits = 0;
    (void)getrandom(&bits, sizeof bits, 0);
    return ImageService{{fmt::format("{:016x}", bits), image}};
}

std::vector<std::string> ImageService::all() {
    return Helper::names(kind_of_service());
}

Helper ImageService::helper_of(const std::string& id) {
    return Helper{kind_of_service(), id};
}

Result<void> ImageService::prepare(const Image& image, const config::DiskDefinition& disk) const {
    const std::string folder = helper_of(id()).folder();
    const char* const name = disk.read_only ? kReadOnly : kWritable;
    std::error_code problem;
    fs::create_directories(folder, problem);
    if (!problem) fs::create_symlink(disk.path, folder + name, problem);
    const bool encrypted = disk.format == config::kEncrypted;
    if (encrypted) TRY(check_key(disk));
    if (encrypted && !problem) fs::create_symlink(disk.key_file, folder + kKey, problem);
    if (problem) return fail_errno(problem.value(), folder);
    std::ofstream options{folder + "/options"};
    options << fmt::format("FILE={}\nIMAGE={}\nFORMAT={}\nOBJECTS={}\nREAD_ONLY={}\nWRITABLE={}\nDIRECT={}\n",
                           image.device != 0 ? "host_device" : "file", name,
                           fmt::format("{}{}", qemu_driver(disk.format), encrypted ? ",key-secret=key" : ""),
                           encrypted ? fmt::format("--object secret,id=key,file={}", kKey) : "",
                           disk.read_only ? "on" : "off", disk.read_only ? "off" : "on",
                           can_be_direct(image, disk.read_only) ? "on" : "off");
    options.close();
    return options ? Result<void>{} : fail_errno(EIO, folder);
}

Result<ImageService::Connection> ImageService::connect() const {
    UniqueFd socket = TRY(connect_unix(socket_of(id(), "nbd")));
    const NbdExport served = TRY(open_nbd_export(socket.get(), kExport));
    wait_for_ever(socket.get());
    return Connection{std::move(socket), served};
}

// Until it listens, or ends for a reason of its own.
Result<ImageService::Connection> ImageService::start() const {
    constexpr std::chrono::milliseconds kBetweenLooks{20};
    constexpr int kLooks = 1000;
    const Helper helper = helper_of(id());
    std::error_code problem;
    const bool writes = fs::is_symlink(fs::symlink_status(helper.folder() + kWritable, problem));
    const char* const name = writes ? kWritable : kReadOnly;
    TRY(check_same(helper.folder() + name, image()));
    TRY(helper.run());
    for (int look = 1; !connect_unix(socket_of(id(), "nbd")); ++look) {
        if (look == kLooks || !TRY(helper.runs())) {
            return fail(ErrorId::BackendFailed,
                        fmt::format("the image's server does not start; 'journalctl -u {}' tells why", unit()));
        }
        std::this_thread::sleep_for(kBetweenLooks);
    }
    // Not what the link leads to by now, but what the service has.
    TRY(check_same(fmt::format("/proc/{}/root{}", TRY(helper.process()), name), image()));
    return connect();
}

Result<ImageService::Connection> ImageService::restart() const {
    TRY(helper_of(id()).kill());
    return start();
}

Result<void> ImageService::stop() const {
    return helper_of(id()).stop();
}

Result<void> ImageService::withdraw() const {
    return qmp_command(socket_of(id(), "qmp"), "block-export-del", {{"id", kExport}, {"mode", "hard"}});
}

Result<void> ImageService::set_size(std::uint64_t bytes) const {
    return qmp_command(socket_of(id(), "qmp"), "block_resize", {{"node-name", "disk"}, {"size", bytes}});
}

Result<ImageService::Connection> ImageService::export_again() const {
    TRY(qmp_command(socket_of(id(), "qmp"), "block-export-add",
                    {{"type", "nbd"},
                     {"id", kExport},
                     {"node-name", "disk"},
                     {"name", kExport},
                     {"writable", true},
                     {"writethrough", true}}));
    return connect();
}

}  // namespace hvctld
