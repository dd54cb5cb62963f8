#include "hvctl/file_descriptor.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "hvctl/types.hpp"

namespace hvctl {

UniqueFd::~UniqueFd() {
    if (fd_ >= 0) ::close(fd_);
}

Result<UniqueFd> open_file(const char* path, int flags) {
    const int fd = ::open(path, flags | O_CLOEXEC);
    if (fd < 0) return std::unexpected(Error::from_errno(errno, std::string{"cannot open "} + path));
    return UniqueFd{fd};
}

Mapping::~Mapping() {
    if (address_ != nullptr) ::munmap(address_, size_);
}

void Mapping::shrink(std::size_t size) {
    const std::size_t kept = pages_for(size) * kPageSize;
    const std::size_t mapped = pages_for(size_) * kPageSize;
    if (kept < mapped) ::munmap(address_ + kept, mapped - kept);
    size_ = size;
}

namespace {

Result<Mapping> map(std::size_t size, int protection, int flags, int fd, const char* what) {
    if (size == 0) return Mapping{};
    void* address = ::mmap(nullptr, size, protection, flags, fd, 0);
    if (address == MAP_FAILED) {
        return std::unexpected(
            Error::from_errno(errno, std::string{"cannot map "} + std::to_string(size) + " bytes of " + what));
    }
    return Mapping{address, size};
}

}  // namespace

Result<Mapping> Mapping::anonymous(std::size_t size) {
    return map(size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, "memory");
}

Result<Mapping> Mapping::file(int fd, std::size_t size) {
    return map(size, PROT_READ, MAP_PRIVATE, fd, "a file");
}

}  // namespace hvctl
