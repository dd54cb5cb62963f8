#include "console/log_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <utility>

#include "hvctl/try.hpp"

namespace hvctld {
namespace {

// Not to wait for the other end of a FIFO that may be there instead.
constexpr int kFlags = O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;

Result<std::uint64_t> size_of(int fd, const std::string& path) {
    struct stat status {};
    if (fstat(fd, &status) != 0) return fail_errno(errno, path);
    if (!S_ISREG(status.st_mode)) return fail(ErrorId::Io, path + ": not a regular file; move it away");
    return static_cast<std::uint64_t>(status.st_size);
}

}  // namespace

Result<void> ConsoleLog::open_current() {
    TRY(make_folder(std::filesystem::path{path_}.parent_path()));
    UniqueFd file{::open(path_.c_str(), O_WRONLY | O_APPEND | O_CREAT | kFlags, 0640)};
    if (!file) return fail_errno(errno, path_);
    size_ = TRY(size_of(file.get(), path_));
    file_ = std::move(file);
    return {};
}

Result<void> ConsoleLog::reopen_if_gone() {
    struct stat ours {};
    struct stat there {};
    const bool same = file_ && fstat(file_.get(), &ours) == 0 && lstat(path_.c_str(), &there) == 0 &&
                      ours.st_dev == there.st_dev && ours.st_ino == there.st_ino;
    if (same) return {};
    const bool had_one = static_cast<bool>(file_);
    TRY(open_current());
    if (had_one) ++generation_;  // readers of the old file go on with the new one
    return {};
}

std::size_t ConsoleLog::append(std::span<const char> bytes) {
    std::size_t done = 0;
    while (done < bytes.size()) {
        const ssize_t written = ::write(file_.get(), bytes.data() + done, bytes.size() - done);
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) break;
        done += static_cast<std::size_t>(written);
    }
    size_ += done;
    return done;
}

Result<void> ConsoleLog::rotate() {
    // The new file comes first: where there can be none, nothing has happened.
    const std::string next = path_ + ".new";
    UniqueFd file{::open(next.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_TRUNC | kFlags, 0640)};
    if (!file) return fail_errno(errno, next);
    const bool moved = std::rename(path_.c_str(), previous_path().c_str()) == 0;
    if ((!moved && errno != ENOENT) || std::rename(next.c_str(), path_.c_str()) != 0) {
        const int problem = errno;
        if (moved) (void)std::rename(previous_path().c_str(), path_.c_str());
        (void)unlink(next.c_str());
        return fail_errno(problem, path_);
    }
    file_ = std::move(file);
    size_ = 0;
    ++generation_;
    rotated_ = true;
    return {};
}

Result<void> ConsoleLog::undo_rotation() {
    if (!std::exchange(rotated_, false)) {
        if (unlink(path_.c_str()) != 0 && errno != ENOENT) return fail_errno(errno, path_);
        file_ = {};
        return {};
    }
    if (std::rename(previous_path().c_str(), path_.c_str()) != 0) return fail_errno(errno, path_);
    return open_current();
}

Result<UniqueFd> ConsoleLog::open_generation(std::uint64_t generation) const {
    const std::string file = generation == generation_ ? path_ : previous_path();
    // Noting the time of each reading would be a writing, and wait for the disk.
    UniqueFd fd{::open(file.c_str(), O_RDONLY | O_NOATIME | kFlags)};
    if (!fd && errno == EPERM) fd = UniqueFd{::open(file.c_str(), O_RDONLY | kFlags)};
    if (!fd) return fail_errno(errno, file);
    return fd;
}

Result<LogCursor> LogCursor::at_tail(const ConsoleLog& log, std::uint64_t history, bool with_previous) {
    LogCursor cursor;
    cursor.generation_ = log.generation();
    if (history > log.size() && with_previous) {
        if (auto previous = log.open_generation(log.generation() - 1)) {
            const std::uint64_t wanted = history - log.size();
            const std::uint64_t size = TRY(size_of(previous->get(), log.previous_path()));
            cursor.file_ = std::move(*previous);
            cursor.generation_ = log.generation() - 1;
            cursor.offset_ = size > wanted ? size - wanted : 0;
            return cursor;
        }
    }
    cursor.file_ = TRY(log.open_generation(log.generation()));
    cursor.offset_ = log.size() > history ? log.size() - history : 0;
    return cursor;
}

std::optional<std::size_t> LogCursor::read(const ConsoleLog& log, std::span<char> buffer) {
    if (offset_ >= fetched_at_ && offset_ - fetched_at_ < fetched_.size()) {
        const auto bytes = std::string_view{fetched_}.substr(offset_ - fetched_at_, buffer.size());
        std::ranges::copy(bytes, buffer.begin());
        offset_ += bytes.size();
        return bytes.size();
    }
    const iovec place{buffer.data(), buffer.size()};
    ssize_t got = preadv2(file_.get(), &place, 1, static_cast<off_t>(offset_), RWF_NOWAIT);
    // A file system that cannot tell has its files in memory, or is asked on the disk's thread.
    if (got < 0 || (got == 0 && generation_ != log.generation())) return std::nullopt;
    offset_ += static_cast<std::uint64_t>(got);
    return static_cast<std::size_t>(got);
}

void LogCursor::fetch(const ConsoleLog& log) {
    constexpr std::size_t kAtOnce = 64 * 1024;
    for (;;) {
        fetched_.resize(kAtOnce);
        const ssize_t got = pread(file_.get(), fetched_.data(), fetched_.size(), static_cast<off_t>(offset_));
        fetched_.resize(static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
        fetched_at_ = offset_;
        if (got > 0 || generation_ == log.generation()) return;
        const std::uint64_t next = log.generation() - generation_ > 2 ? log.generation() - 1 : generation_ + 1;
        auto file = log.open_generation(next);
        if (!file) return;
        skipped_ = skipped_ || next != generation_ + 1;
        file_ = std::move(*file);
        generation_ = next;
        offset_ = 0;
    }
}

}  // namespace hvctld
