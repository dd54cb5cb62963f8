#include "base/lock_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string_view>

namespace hvctld {

Result<UniqueFd> take_lock(const std::string& path) {
    UniqueFd file{::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600)};
    if (!file) return fail_errno(errno, path);
    if (flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK) return fail_errno(errno, path);
        std::array<char, 32> owner{};
        const ssize_t size = pread(file.get(), owner.data(), owner.size(), 0);
        const std::string_view who{owner.data(), static_cast<std::size_t>(size > 0 ? size : 0)};
        return fail(ErrorId::Busy, fmt::format("another hvctld serves this host already (process {}); 'systemctl status "
                                               "hvctld' shows it",
                                               who.empty() ? "unknown" : who));
    }
    // Only for the message above: a full disk is no reason to have no lock.
    const std::string self = fmt::format("{}", getpid());
    if (ftruncate(file.get(), 0) == 0) (void)!pwrite(file.get(), self.data(), self.size(), 0);
    return file;
}

}  // namespace hvctld
