#include "storage/kernel_storage_host.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <array>
#include <cerrno>
#include <filesystem>
#include <set>
#include <string>

#include "base/files.hpp"
#include "base/physical_device.hpp"
#include "storage/lvm_pool.hpp"

namespace hvctld {

namespace {

namespace fs = std::filesystem;

// What guests write to is not looked into for parts of volume groups, which they could name as one of the host's: block
// devices that are served, and those that hvctld makes to be.
std::string filter_of_guests() {
    std::set<std::string> rejected;
    std::error_code problem;
    for (fs::directory_iterator entry{"/sys/bus/xen-backend/devices", problem}, end; !problem && entry != end;
         entry.increment(problem)) {
        const auto device = parse_physical_device(first_line(entry->path().string() + "/physical_device"));
        if (!device) continue;
        std::error_code none;
        const fs::path own = fs::canonical(fmt::format("/sys/dev/block/{}:{}", major(*device), minor(*device)), none);
        if (!none) rejected.insert(own.filename());
    }
    for (fs::directory_iterator entry{"/sys/block", problem}, end; !problem && entry != end; entry.increment(problem)) {
        const std::string name = entry->path().filename();
        if (name.starts_with("nbd") || first_line(entry->path().string() + "/loop/autoclear") == "1")
            rejected.insert(name);
    }
    std::string filter = "devices/filter=[";
    for (const std::string& name : rejected) filter += fmt::format("\"r|^/dev/{}$|\",", name);
    return filter + "\"a|.*|\"]";
}

}  // namespace

Result<ProgramOutcome> KernelStorageHost::run(const std::vector<std::string>& command, const std::stop_token& cancel) {
    if (command.size() < 2 || command.front() != kLvm) return run_program(command, cancel);
    std::vector<std::string> guarded = command;
    guarded.insert(guarded.begin() + 2, {"--config", filter_of_guests()});
    return run_program(guarded, cancel);
}

Result<UniqueFd> KernelStorageHost::open_device(const std::string& path) {
    UniqueFd file{::open(path.c_str(), O_RDWR | O_EXCL | O_CLOEXEC | O_NONBLOCK)};
    if (!file && errno == EBUSY)
        return fail(ErrorId::ImageBusy, path + " is in use by Dom0 ('lsblk' shows how); end that first");
    if (!file) return fail_errno(errno, path);
    struct stat status {};
    if (fstat(file.get(), &status) != 0 || !S_ISBLK(status.st_mode))
        return fail(ErrorId::ImageUnusable, path + " is no block device");
    return file;
}

Result<std::uint64_t> KernelStorageHost::size_of_device(int device) {
    std::uint64_t bytes = 0;
    if (ioctl(device, BLKGETSIZE64, &bytes) != 0) return fail_errno(errno, "the size of the device");
    return bytes;
}

Result<void> KernelStorageHost::zero(int device, std::uint64_t from, std::uint64_t bytes) {
    const std::array range{from, bytes};
    if (ioctl(device, BLKZEROOUT, range.data()) != 0) return fail_errno(errno, "zeroing the device");
    return {};
}

Result<void> KernelStorageHost::discard(int device, std::uint64_t from, std::uint64_t bytes) {
    const std::array range{from, bytes};
    if (ioctl(device, BLKDISCARD, range.data()) == 0) return {};
    if (errno == EOPNOTSUPP) return fail(ErrorId::NotSupported, "the device cannot discard");
    return fail_errno(errno, "discarding the device");
}

}  // namespace hvctld
