#include "base/lock_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <csignal>
#include <optional>
#include <string_view>
#include <thread>

#include "hvctl/try.hpp"

namespace hvctld {
namespace {

constexpr std::chrono::milliseconds kLookAgain{100};

// Of the lock's holder, as it has written it.
std::string holder(int file) {
    std::array<char, 32> owner{};
    const ssize_t size = pread(file, owner.data(), owner.size(), 0);
    return {owner.data(), static_cast<std::size_t>(size > 0 ? size : 0)};
}

std::string status_field(std::string_view status, std::string_view name) {
    const std::size_t at = status.find(fmt::format("\n{}:\t", name));
    if (at == std::string_view::npos) return {};
    const std::string_view rest = status.substr(at + name.size() + 3);
    return std::string{rest.substr(0, rest.find('\n'))};
}

// Whether no thread of the process will ever run its program again: it has ended but for threads in the kernel, or has
// SIGKILL before it.
bool is_beyond_help(const std::string& process) {
    const UniqueFd file{::open(fmt::format("/proc/{}/status", process).c_str(), O_RDONLY | O_CLOEXEC)};
    if (!file) return errno == ENOENT;  // it is gone by now
    std::string status(8192, '\0');
    const ssize_t size = ::read(file.get(), status.data(), status.size());
    if (size <= 0) return size < 0 && errno == ESRCH;
    status.resize(static_cast<std::size_t>(size));
    if (status_field(status, "State").starts_with('Z')) return true;
    for (const char* pending : {"SigPnd", "ShdPnd"}) {
        const std::string text = status_field(status, pending);
        std::uint64_t signals = 0;
        (void)std::from_chars(text.data(), text.data() + text.size(), signals, 16);
        if ((signals & 1ull << (SIGKILL - 1)) != 0) return true;
    }
    return false;
}

}  // namespace

Result<UniqueFd> take_lock(const std::string& path) {
    UniqueFd file{::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600)};
    if (!file) return fail_errno(errno, path);
    if (flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK) return fail_errno(errno, path);
        const std::string who = holder(file.get());
        return fail(ErrorId::Busy,
                    fmt::format("another hvctld serves this host already (process {}); 'systemctl status "
                                "hvctld' shows it",
                                who.empty() ? "unknown" : who));
    }
    // Only for the message above: a full disk is no reason to have no lock.
    const std::string self = fmt::format("{}", getpid());
    if (ftruncate(file.get(), 0) == 0) (void)!pwrite(file.get(), self.data(), self.size(), 0);
    return file;
}

Result<UniqueFd> take_lock_of_the_living(const std::string& path,
                                         const std::function<void(const std::string&)>& waiting) {
    for (;;) {
        auto lock = take_lock(path);
        if (lock || lock.error().id() != ErrorId::Busy) return lock;
        const UniqueFd file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)};
        const std::string who = file ? holder(file.get()) : std::string{};
        if (who.empty() || !is_beyond_help(who)) return lock;
        waiting(fmt::format(
            "waiting for process {}, the hvctld before this one: it has been killed, but is not gone, because "
            "a disk does not answer it",
            who));
        std::this_thread::sleep_for(kLookAgain);
    }
}

}  // namespace hvctld
