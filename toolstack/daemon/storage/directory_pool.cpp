#include "storage/directory_pool.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <functional>

#include "base/log.hpp"
#include "hvctl/try.hpp"
#include "storage/filling.hpp"

namespace hvctld {
namespace {

constexpr std::string_view kNewFile = ".new-";
constexpr std::string_view kGoneFile = ".gone-";
constexpr std::uint64_t kStatBlock = 512;  // of st_blocks

void each_file(int folder, const std::function<void(const std::string&)>& visit) {
    // A descriptor of its own: a stream's position is shared by those of one opening.
    const int own = ::openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (own < 0) return;
    const std::unique_ptr<DIR, int (*)(DIR*)> stream{fdopendir(own), closedir};
    if (!stream) {
        ::close(own);
        return;
    }
    while (const dirent* entry = readdir(stream.get())) visit(entry->d_name);
}

// Room is what a disk runs out of, and the caller can do something about it.
std::unexpected<Error> file_error(int number, const std::string& what) {
    if (number == ENOSPC || number == EDQUOT)
        return fail(ErrorId::NoRoom, fmt::format("{}: {}", what, std::strerror(number)));
    return fail_errno(number, what);
}

class NewFileVolume final : public NewVolume {
  public:
    // `what`: what errors call it.
    NewFileVolume(UniqueFd folder, UniqueFd file, std::string before, std::string name, std::string what,
                  std::unexpected<Error> exists)
        : folder_{std::move(folder)},
          file_{std::move(file)},
          before_{std::move(before)},
          name_{std::move(name)},
          what_{std::move(what)},
          exists_{std::move(exists)} {}
    ~NewFileVolume() override {
        if (!before_.empty()) ::unlinkat(folder_.get(), before_.c_str(), 0);
    }

    [[nodiscard]] int fd() const override { return file_.get(); }
    Result<void> clear(Pace&) override { return {}; }  // what a file was never given is zeros
    Result<void> publish() override {
        if (::fsync(file_.get()) != 0) return file_error(errno, what_);
        // Never in the place of another file, on any file system: renaming would be, on some.
        if (::linkat(folder_.get(), before_.c_str(), folder_.get(), name_.c_str(), 0) != 0) {
            if (errno == EEXIST) return exists_;
            return file_error(errno, what_);
        }
        // Both names until then, should this process be killed: the sweep takes the first one away.
        if (::unlinkat(folder_.get(), before_.c_str(), 0) != 0) return file_error(errno, what_);
        before_.clear();
        if (::fsync(folder_.get()) != 0) return file_error(errno, what_);
        return {};
    }

  private:
    UniqueFd folder_, file_;
    std::string before_, name_, what_;
    std::unexpected<Error> exists_;
};

}  // namespace

// Opened only where no user but root may write to the folder: another one could have other files erased, or read what
// guests write.
Result<UniqueFd> DirectoryPool::open_folder() {
    const std::string& path = settings().path;
    UniqueFd folder{::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    if (!folder && errno == ENOENT && name() == config::kFirstVolumePool) {
        TRY(make_folder(std::filesystem::path{path}.parent_path().string()));
        if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) return fail_errno(errno, path);
        folder = UniqueFd{::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    }
    if (!folder && errno == ENOENT) {
        return fail(
            ErrorId::FileMissing,
            fmt::format("the pool {}: there is no folder {}; make it ('install -d -m 700 {}')", name(), path, path));
    }
    if (!folder) return fail_errno(errno, path);
    TRY(require_own(path));
    std::call_once(stock_taken_, [&] { take_stock(folder.get()); });
    return folder;
}

Result<void> DirectoryPool::require_own(const std::string& path) const {
    std::error_code problem;
    const std::filesystem::path real = std::filesystem::canonical(path, problem);
    if (problem) return fail_errno(problem.value(), path);
    for (std::filesystem::path part = real;; part = part.parent_path()) {
        struct stat status {};
        if (::stat(part.c_str(), &status) != 0) return fail_errno(errno, part.string());
        const bool others_write = (status.st_mode & (S_IWGRP | S_IWOTH)) != 0;
        // In a folder like /tmp (with the sticky bit) a user cannot remove or rename another user's files.
        const bool keeps = part != real && (status.st_mode & S_ISVTX) != 0;
        if ((status.st_uid != geteuid() && status.st_uid != 0) || (others_write && !keeps)) {
            return fail(ErrorId::AccessDenied,
                        fmt::format("the pool {0}: others than root may write to {1}; 'chown root {1}; chmod 700 {1}'",
                                    name(), part.string()));
        }
        if (part == part.root_path()) return {};
    }
}

void DirectoryPool::take_stock(int folder) {
    each_file(folder, [&](const std::string& file) {
        if (file.starts_with(kNewFile) || file.starts_with(kGoneFile)) left_over_.push_back(file);
    });
}

Result<UniqueFd> DirectoryPool::open_volume(int folder, const std::string& volume) {
    UniqueFd file{::openat(folder, volume.c_str(), O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)};
    if (!file && errno == ENOENT) return missing(volume);
    if (!file) return fail_errno(errno, named(volume));
    struct stat status {};
    if (::fstat(file.get(), &status) != 0) return fail_errno(errno, named(volume));
    if (!S_ISREG(status.st_mode)) return missing(volume);
    return file;
}

Result<void> DirectoryPool::sweep(Pace& pace) {
    const auto folder = open_folder();
    if (!folder && (folder.error().id() == ErrorId::FileMissing)) return {};
    if (!folder) return std::unexpected(folder.error());
    for (const std::string& file : left_over_) {
        if (const auto swept = sweep_one(folder->get(), file, pace); !swept)
            log::error("{}: {}", settings().path, swept.error().text());
    }
    return {};
}

Result<void> DirectoryPool::sweep_one(int folder, const std::string& file, Pace& pace) {
    const auto left = open_volume(folder, file);
    if (!left) return {};
    struct stat status {};
    if (::fstat(left->get(), &status) != 0) return fail_errno(errno, file);
    if (status.st_nlink > 1) {
        // It has its final name already: it is a whole volume, and only this name is left over.
        return ::unlinkat(folder, file.c_str(), 0) == 0 ? Result<void>{} : fail_errno(errno, file);
    }
    log::warning("the pool {}: erases {}, which was left half-made or half-erased", name(), file);
    return erase(folder, file, left->get(), pace);
}

Result<PoolSpace> DirectoryPool::space() {
    const UniqueFd folder = TRY(open_folder());
    struct statvfs system {};
    if (::fstatvfs(folder.get(), &system) != 0) return fail_errno(errno, settings().path);
    return PoolSpace{std::uint64_t{system.f_blocks} * system.f_frsize,
                     std::uint64_t{system.f_bavail} * system.f_frsize};
}

Result<std::vector<VolumeInfo>> DirectoryPool::list() {
    const UniqueFd folder = TRY(open_folder());
    std::vector<VolumeInfo> volumes;
    each_file(folder.get(), [&](const std::string& file) {
        struct stat status {};
        if (!config::problem_with_volume_name(file).empty() ||
            ::fstatat(folder.get(), file.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(status.st_mode))
            return;
        volumes.push_back({file, static_cast<std::uint64_t>(status.st_size),
                           static_cast<std::uint64_t>(status.st_blocks) * kStatBlock});
    });
    return volumes;
}

Result<std::unique_ptr<NewVolume>> DirectoryPool::create(const std::string& volume, std::uint64_t bytes) {
    UniqueFd folder = TRY(open_folder());
    struct stat status {};
    if (::fstatat(folder.get(), volume.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0) return exists(volume);
    std::string before = fmt::format("{}{}", kNewFile, fresh_suffix());
    UniqueFd file{::openat(folder.get(), before.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600)};
    if (!file) return file_error(errno, named(volume));
    const int fd = file.get();
    auto made = std::make_unique<NewFileVolume>(std::move(folder), std::move(file), std::move(before), volume,
                                                named(volume), exists(volume));
    if (::ftruncate(fd, static_cast<off_t>(bytes)) != 0) return file_error(errno, named(volume));
    return made;
}

Result<void> DirectoryPool::grow(const std::string& volume, std::uint64_t bytes, Pace&) {
    const UniqueFd folder = TRY(open_folder());
    const UniqueFd file = TRY(open_volume(folder.get(), volume));
    TRY(require_larger(TRY(find(volume)), bytes));
    if (::ftruncate(file.get(), static_cast<off_t>(bytes)) != 0 || ::fsync(file.get()) != 0)
        return file_error(errno, named(volume));
    return {};
}

Result<void> DirectoryPool::erase(int folder, const std::string& file, int fd, Pace& pace) {
    TRY(zero_data(fd, pace));
    if (::unlinkat(folder, file.c_str(), 0) != 0 || ::fsync(folder) != 0) return fail_errno(errno, file);
    return {};
}

Result<std::string> DirectoryPool::remove(const std::string& volume, Pace& pace) {
    const UniqueFd folder = TRY(open_folder());
    const UniqueFd file = TRY(open_volume(folder.get(), volume));
    struct stat status {};
    if (::fstat(file.get(), &status) != 0) return fail_errno(errno, named(volume));
    if (status.st_nlink != 1) {
        return fail(ErrorId::ImageBusy,
                    fmt::format("{} has another name ('find -samefile {}' shows which), and what is erased there is "
                                "erased here; remove one of the two names by hand",
                                named(volume), path_of(volume)));
    }
    const std::string gone = fmt::format("{}{}", kGoneFile, fresh_suffix());
    if (::renameat(folder.get(), volume.c_str(), folder.get(), gone.c_str()) != 0 || ::fsync(folder.get()) != 0)
        return fail_errno(errno, named(volume));
    TRY(within(fmt::format("{} has lost its name, and hvctld goes on erasing it when it starts again", named(volume)),
               erase(folder.get(), gone, file.get(), pace)));
    return fmt::format("{} bytes of it written over with zeros", pace.done.load());
}

}  // namespace hvctld
