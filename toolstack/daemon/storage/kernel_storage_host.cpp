#include "storage/kernel_storage_host.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>

namespace hvctld {

Result<ProgramOutcome> KernelStorageHost::run(const std::vector<std::string>& command, const std::stop_token& cancel) {
    return run_program(command, cancel);
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
