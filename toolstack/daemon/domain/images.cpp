#include "domain/images.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "hvctl/read_file.hpp"
#include "hvctl/try.hpp"

namespace hvctld {
namespace {

constexpr std::uint64_t kMostInitrdBytes = std::uint64_t{4} << 30;

Result<void> check_file(const std::string& domain, std::string_view key, const std::string& path) {
    if (path.empty()) return {};
    struct stat status {};
    if (access(path.c_str(), R_OK) == 0 && stat(path.c_str(), &status) == 0) {
        if (S_ISREG(status.st_mode)) return {};
        return fail(ErrorId::FileUnreadable, fmt::format("{}: {}: {} is not a regular file", domain, key, path));
    }
    const int number = errno;
    return fail(number == ENOENT || number == ENOTDIR ? ErrorId::FileMissing : ErrorId::FileUnreadable,
                fmt::format("{}: {}: {}: {}", domain, key, path, std::strerror(number)));
}

// What is larger than the guest's memory is not even read: the memory that it would be read into is the host's.
Result<hvctl::Mapping> read_initrd(const std::string& path, std::uint64_t memory) {
    if (path.empty()) return hvctl::Mapping{};
    auto contents = hvctl::read_file(path, std::min(kMostInitrdBytes, memory));
    if (contents && contents->bytes().empty()) return fail(ErrorId::FileUnreadable, fmt::format("{} is empty", path));
    if (contents) return std::move(*contents);
    if (contents.error().code() == hvctl::ErrorCode::InvalidArgument)
        return fail(ErrorId::FileUnreadable, contents.error().what());
    return std::unexpected(Error{contents.error()});
}

}  // namespace

Result<void> check_files(const config::DomainDefinition& definition) {
    TRY(check_file(definition.name, "kernel", definition.kernel));
    return check_file(definition.name, "initrd", definition.initrd);
}

Result<hvctl::KernelImage> load_kernel(Hypervisor& hypervisor, const config::DomainDefinition& definition) {
    return within(definition.name + ": kernel", Result<hvctl::KernelImage>{hypervisor.load_kernel(definition.kernel)});
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

Result<void> check_images(Hypervisor& hypervisor, const config::DomainDefinition& definition) {
    TRY(check_files(definition));
    const auto kernel = TRY(load_kernel(hypervisor, definition));
    const auto initrd = TRY(load_initrd(definition));
    return within(definition.name + ": build",
                  Result<void>{hypervisor.check_build(kernel, pv_spec(definition, {}, initrd))});
}

}  // namespace hvctld
