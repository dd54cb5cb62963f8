#include "base/files.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

namespace hvctld {

std::uint64_t available_memory() {
    std::ifstream file{"/proc/meminfo"};
    std::string key;
    for (std::uint64_t kibibytes = 0; file >> key >> kibibytes; file.ignore(64, '\n')) {
        if (key == "MemAvailable:") return kibibytes * 1024;
    }
    return UINT64_MAX;
}

std::string first_line(const std::string& path) {
    std::ifstream file{path};
    std::string line;
    std::getline(file, line);
    return line;
}

Result<std::string> read_text_file(const std::string& path, std::size_t most) {
    const UniqueFd file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
    if (!file) {
        const int number = errno;
        return fail(number == ENOENT ? ErrorId::FileMissing : ErrorId::FileUnreadable,
                    fmt::format("{}: {}", path, std::strerror(number)));
    }
    struct stat status {};
    if (fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode))
        return fail(ErrorId::FileUnreadable, fmt::format("{} is not a regular file", path));
    if (static_cast<std::size_t>(status.st_size) > most) {
        return fail(ErrorId::FileUnreadable,
                    fmt::format("{} has {} bytes, {} are the most", path, status.st_size, most));
    }
    std::string text(static_cast<std::size_t>(status.st_size), '\0');
    std::size_t done = 0;
    while (done < text.size()) {
        const ssize_t got = ::read(file.get(), text.data() + done, text.size() - done);
        if (got < 0) return fail_errno(errno, path);
        if (got == 0) break;
        done += static_cast<std::size_t>(got);
    }
    text.resize(done);
    return text;
}

Result<void> make_folder(const std::string& path) {
    std::error_code problem;
    std::filesystem::create_directories(path, problem);
    if (problem) return fail(ErrorId::Io, fmt::format("cannot make {}: {}", path, problem.message()));
    return {};
}

}  // namespace hvctld
