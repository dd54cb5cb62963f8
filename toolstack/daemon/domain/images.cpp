#include "domain/images.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include "base/files.hpp"
#include "hvctl/read_file.hpp"
#include "hvctl/try.hpp"

namespace hvctld {
namespace {

constexpr std::uint64_t kMostInitrdBytes = std::uint64_t{4} << 30;
constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;
constexpr std::uint64_t kReserve = 64 * kMiB;  // for Dom0 itself

// Runs in the guest, so that no program in Dom0 reads anything of a guest's disk.
constexpr const char* kDiskBootLoader = "/usr/lib/grub-xen/grub-x86_64-xen.bin";

std::string kernel_of(const config::DomainDefinition& definition) {
    return definition.boot_from_disk ? kDiskBootLoader : definition.kernel;
}

std::string whole_mebibytes(std::uint64_t bytes) {
    return fmt::format("{}MiB", bytes / kMiB);
}

// What is larger than the guest's memory is not even read: the memory that it would be read into is the host's.
std::uint64_t most_initrd(std::uint64_t memory) {
    return std::min(kMostInitrdBytes, memory);
}

// Reports no errors: what is wrong with the file is reported where it is loaded.
void read_into_page_cache(const std::string& path, std::uint64_t size) {
    // O_NONBLOCK: opening a FIFO that has taken the file's place must not wait. A lease that another process
    // has on the file must be waited for.
    UniqueFd file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
    if (!file && errno == EWOULDBLOCK) file = UniqueFd{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
    if (!file) return;
    std::vector<char> piece(64 * 1024);
    for (std::uint64_t at = 0; at < size;) {
        const ssize_t got = ::pread(file.get(), piece.data(), piece.size(), static_cast<off_t>(at));
        if (got <= 0) return;
        at += static_cast<std::uint64_t>(got);
    }
}

// `most`: what larger files are refused for anyway, when they are read.
Result<void> check_file(std::string_view key, const std::string& path, std::uint64_t most, std::uint64_t room) {
    if (path.empty()) return {};
    struct stat status {};
    if (access(path.c_str(), R_OK) == 0 && stat(path.c_str(), &status) == 0) {
        if (!S_ISREG(status.st_mode))
            return fail(ErrorId::FileUnreadable, fmt::format("{}: {} is not a regular file", key, path));
        const auto size = static_cast<std::uint64_t>(status.st_size);
        if (size > most) return {};
        if (size <= room) {
            read_into_page_cache(path, size);
            return {};
        }
        return fail(ErrorId::NoMemory,
                    fmt::format("{}: {} has {}, Dom0 has {} of memory left to read it into; give Dom0 more (dom0_mem=)",
                                key, path, whole_mebibytes(size + (kMiB - 1)), whole_mebibytes(room)));
    }
    const int number = errno;
    return fail(number == ENOENT || number == ENOTDIR ? ErrorId::FileMissing : ErrorId::FileUnreadable,
                fmt::format("{}: {}: {}", key, path, std::strerror(number)));
}

Result<hvctl::Mapping> read_initrd(const std::string& path, std::uint64_t memory) {
    if (path.empty()) return hvctl::Mapping{};
    auto contents = hvctl::read_file(path, most_initrd(memory));
    if (contents && contents->bytes().empty()) return fail(ErrorId::FileUnreadable, fmt::format("{} is empty", path));
    if (contents) return std::move(*contents);
    if (contents.error().code() == hvctl::ErrorCode::InvalidArgument)
        return fail(ErrorId::FileUnreadable, contents.error().what());
    return std::unexpected(Error{contents.error()});
}

}  // namespace

std::uint64_t room_in_dom0() {
    const std::uint64_t available = available_memory();
    return available > kReserve ? available - kReserve : 0;
}

Result<void> check_files(const config::DomainDefinition& definition, std::uint64_t room) {
    if (definition.boot_from_disk && access(kDiskBootLoader, F_OK) != 0) {
        return fail(ErrorId::FileMissing,
                    fmt::format("{}: boot: disk needs {}, of the package grub-xen-host; install it", definition.name,
                                kDiskBootLoader));
    }
    TRY(within(definition.name, check_file("kernel", kernel_of(definition), hvctl::kMaxImageBytes, room)));
    return within(definition.name, check_file("initrd", definition.initrd, most_initrd(definition.memory), room));
}

Result<hvctl::KernelImage> load_kernel(Hypervisor& hypervisor, const config::DomainDefinition& definition) {
    return within(definition.name + ": kernel",
                  Result<hvctl::KernelImage>{hypervisor.load_kernel(kernel_of(definition))});
}

Result<hvctl::Mapping> load_initrd(const config::DomainDefinition& definition) {
    return within(definition.name + ": initrd", read_initrd(definition.initrd, definition.memory));
}

hvctl::PvSpec pv_spec(const config::DomainDefinition& definition, DomainId domain, const hvctl::Mapping& initrd) {
    hvctl::PvSpec spec;
    spec.domain = domain;
    spec.pages = definition.memory / hvctl::kPageSize;
    spec.initrd = initrd.bytes();
    spec.cmdline = definition.cmdline;
    return spec;
}

}  // namespace hvctld
