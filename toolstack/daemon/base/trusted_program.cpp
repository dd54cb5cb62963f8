#include "base/trusted_program.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <cerrno>
#include <filesystem>
#include <system_error>

namespace hvctld {
namespace {

Result<void> check_owner(const std::string& path, const struct stat& status) {
    if (status.st_uid != 0)
        return fail(ErrorId::AccessDenied, path + " does not belong to root, and root is to run what is there");
    if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
        return fail(
            ErrorId::AccessDenied,
            fmt::format("others than root may write to {}; a place such as /etc/hvctl/hooks is root's alone, and "
                        "a file is after 'chmod go-w'",
                        path));
    }
    return {};
}

}  // namespace

Result<void> check_trusted_program(const std::string& path) {
    if (!path.starts_with('/')) return fail(ErrorId::InvalidArgument, path + " is not an absolute path");
    // A user who may change a link decides what is run, wherever the link is.
    std::error_code problem;
    const std::string real = std::filesystem::canonical(path, problem);
    if (problem) return fail_errno(problem.value(), path);
    if (real != path)
        return fail(ErrorId::AccessDenied, fmt::format("{} is {} by another name; write that one", path, real));
    struct stat status {};
    for (std::filesystem::path folder = std::filesystem::path{real}.parent_path();; folder = folder.parent_path()) {
        if (stat(folder.c_str(), &status) != 0) return fail_errno(errno, folder.string());
        if (const auto owned = check_owner(folder, status); !owned) return owned;
        if (folder == folder.root_path()) break;
    }
    if (stat(real.c_str(), &status) != 0) return fail_errno(errno, path);
    if (!S_ISREG(status.st_mode)) return fail(ErrorId::AccessDenied, path + " is not a regular file");
    if ((status.st_mode & S_IXUSR) == 0)
        return fail(ErrorId::AccessDenied, fmt::format("{0} is not executable; 'chmod u+x {0}'", path));
    return check_owner(path, status);
}

}  // namespace hvctld
