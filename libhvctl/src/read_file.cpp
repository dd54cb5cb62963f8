#include "hvctl/read_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "hvctl/try.hpp"

namespace hvctl {

Result<Mapping> read_file(int fd, std::string_view name, std::uint64_t limit) {
    struct stat status {};
    if (::fstat(fd, &status) != 0)
        return std::unexpected(Error::from_errno(errno, fmt::format("cannot read {}", name)));
    if (!S_ISREG(status.st_mode)) {
        return fail(ErrorCode::InvalidArgument, fmt::format("{} is not a regular file", name));
    }
    const auto size = static_cast<std::uint64_t>(status.st_size);
    if (size > limit) {
        return fail(ErrorCode::TooLarge, fmt::format("{} has {} bytes, at most {} are accepted", name, size, limit));
    }
    Mapping memory = TRY(Mapping::anonymous(size));
    std::uint64_t done = 0;
    while (done < size) {
        const ssize_t got = ::pread(fd, memory.data() + done, size - done, static_cast<off_t>(done));
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return std::unexpected(Error::from_errno(errno, fmt::format("cannot read {}", name)));
        if (got == 0) {
            return fail(ErrorCode::Truncated,
                        fmt::format("{} shrank from {} to {} bytes while it was read", name, size, done));
        }
        done += static_cast<std::uint64_t>(got);
    }
    return memory;
}

Result<Mapping> read_file(const std::filesystem::path& path, std::uint64_t limit) {
    // O_NONBLOCK: opening a FIFO must not wait for its other end.
    const UniqueFd file = TRY(open_file(path.c_str(), O_RDONLY | O_NONBLOCK));
    return read_file(file.get(), path.native(), limit);
}

}  // namespace hvctl
