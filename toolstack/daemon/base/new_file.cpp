#include "base/new_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <utility>

#include "hvctl/try.hpp"

namespace hvctld {
namespace {

constexpr unsigned kMebibyteBits = 20;

Result<UniqueFd> open_folder(const std::string& folder) {
    open_how how{};
    how.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
    how.resolve = RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
    UniqueFd fd{static_cast<int>(::syscall(SYS_openat2, AT_FDCWD, folder.c_str(), &how, sizeof how))};
    if (fd) return fd;
    if (errno == ELOOP) {
        return fail(ErrorId::InvalidArgument,
                    fmt::format("{} leads through a symbolic link; name the folder that it leads to", folder));
    }
    if (errno == ENOENT || errno == ENOTDIR) return fail(ErrorId::FileMissing, folder + ": there is no such folder");
    return fail_errno(errno, folder);
}

}  // namespace

std::unexpected<Error> NewFile::exists() const {
    return fail(ErrorId::FileExists, path_ + " is there already; it is not written over");
}

Result<NewFile> NewFile::create(const std::string& path) {
    const std::filesystem::path parts{path};
    const std::string name = parts.filename().string();
    if (!parts.is_absolute() || name.empty() || name == "." || name == ".." || path.find('\0') != std::string::npos) {
        return fail(ErrorId::InvalidArgument,
                    fmt::format("\"{}\" is no absolute path of a file that could be written", path));
    }
    const std::string folder_path = parts.parent_path().string();
    UniqueFd folder = TRY(open_folder(folder_path));
    UniqueFd file{::openat(folder.get(), ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600)};
    if (!file) {
        if (errno == EOPNOTSUPP || errno == EISDIR) {
            return fail(ErrorId::NotSupported,
                        fmt::format("the file system of {} has no files without names, as what is written there whole "
                                    "or not at all needs; choose a folder on a local disk",
                                    folder_path));
        }
        return fail_errno(errno, folder_path);
    }
    NewFile made{path, name, std::move(folder), std::move(file)};
    struct stat status {};
    if (::fstatat(made.folder_.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0) return made.exists();
    return made;
}

Result<void> NewFile::require_room(std::uint64_t bytes) const {
    struct statvfs system {};
    if (::fstatvfs(file_.get(), &system) != 0) return fail_errno(errno, path_);
    const std::uint64_t left = std::uint64_t{system.f_bavail} * system.f_frsize;
    if (left >= bytes) return {};
    return fail(ErrorId::NoRoom, fmt::format("{} may take {} MiB, and its file system has {} MiB left", path_,
                                             (bytes >> kMebibyteBits) + 1, left >> kMebibyteBits));
}

Result<void> NewFile::sync() {
    if (::fsync(file_.get()) != 0) return fail_errno(errno, path_);
    return {};
}

Result<void> NewFile::publish() {
    const std::string unnamed = fmt::format("/proc/self/fd/{}", file_.get());
    if (::linkat(AT_FDCWD, unnamed.c_str(), folder_.get(), name_.c_str(), AT_SYMLINK_FOLLOW) == 0) {
        (void)::fsync(folder_.get());
        return {};
    }
    if (errno == EEXIST) return exists();
    return fail_errno(errno, path_);
}

}  // namespace hvctld
