#include "devices/block/loop_device.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/loop.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace hvctld {
namespace {

constexpr int kAttempts = 256;  // others take a free one between our question and our use of it

}  // namespace

Result<LoopDevice> attach_loop(int backing, bool read_only, const std::string& path) {
    const UniqueFd control{::open("/dev/loop-control", O_RDWR | O_CLOEXEC)};
    if (!control)
        return fail_errno(errno, "/dev/loop-control (Dom0's kernel must have its module loop: 'modprobe loop')");
    loop_config config{};
    config.fd = static_cast<std::uint32_t>(backing);
    config.info.lo_flags = LO_FLAGS_AUTOCLEAR | LO_FLAGS_DIRECT_IO;
    if (read_only) config.info.lo_flags |= LO_FLAGS_READ_ONLY;
    // What losetup shows; the kernel has no place for more.
    std::memcpy(config.info.lo_file_name, path.data(), std::min(path.size(), sizeof config.info.lo_file_name - 1));
    for (int attempt = 0; attempt < kAttempts; ++attempt) {
        const int number = ioctl(control.get(), LOOP_CTL_GET_FREE);
        if (number < 0) {
            return fail(ErrorId::LimitReached,
                        fmt::format("Dom0's kernel has no loop device left: {} ('losetup -l' shows what uses them)",
                                    std::strerror(errno)));
        }
        const std::string name = fmt::format("/dev/loop{}", number);
        LoopDevice loop{UniqueFd{::open(name.c_str(), (read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC)}, 0};
        if (!loop.file) return fail_errno(errno, name);
        if (ioctl(loop.file.get(), LOOP_CONFIGURE, &config) != 0) {
            if (errno == EBUSY) continue;
            return fail_errno(errno, fmt::format("{} over {}", name, path));
        }
        struct stat status {};
        if (fstat(loop.file.get(), &status) != 0) return fail_errno(errno, name);
        loop.device = status.st_rdev;
        return loop;
    }
    return fail(ErrorId::LimitReached, "others take every free loop device before hvctld does");
}

Result<void> grow_loop(dev_t device, const Image& image, std::uint64_t bytes) {
    const std::string name = fmt::format("/dev/block/{}:{}", major(device), minor(device));
    const UniqueFd loop{::open(name.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
    if (!loop) return fail_errno(errno, name);
    if (id_of_block_device(loop.get(), device) != image.id)
        return fail(ErrorId::FileUnreadable, "the guest's disk is another file than the one that is there now");
    if (ftruncate(image.file.get(), static_cast<off_t>(bytes)) != 0) return fail_errno(errno, "its new size");
    if (ioctl(loop.get(), LOOP_SET_CAPACITY) != 0) return fail_errno(errno, name);
    return {};
}

}  // namespace hvctld
