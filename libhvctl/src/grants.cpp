#include "hvctl/grants.hpp"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include <cerrno>
#include <cstring>
#include <vector>

#include "hvctl/try.hpp"
#include "linux_ioctls.hpp"
#include "xen_device.hpp"

namespace hvctl {

namespace {

// More in one mapping is more than any ring has.
constexpr std::size_t kMaxReferences = 4096;

std::uint64_t register_references(int device, DomainId domain, std::span<const GrantRef> references, int& error) {
    // The request ends in an array of the caller's length.
    std::vector<std::uint64_t> storage(
        (sizeof(linux_abi::GntdevMapGrantRef) + (references.size() - 1) * sizeof(linux_abi::GntdevGrantRef)) / 8);
    linux_abi::GntdevMapGrantRef head{};
    head.count = static_cast<std::uint32_t>(references.size());
    std::memcpy(storage.data(), &head, offsetof(linux_abi::GntdevMapGrantRef, refs));
    for (std::size_t i = 0; i < references.size(); ++i) {
        const linux_abi::GntdevGrantRef entry{domain.raw, references[i].raw};
        std::memcpy(&storage[2 + i], &entry, sizeof entry);
    }
    error = ::ioctl(device, linux_abi::kGntdevMapGrantRef, storage.data()) < 0 ? errno : 0;
    return storage[1];
}

}  // namespace

Result<GrantMapping> GrantMapping::map(DomainId domain, std::span<const GrantRef> references, Access access) {
    if (references.empty() || references.size() > kMaxReferences) {
        return fail(ErrorCode::InvalidArgument,
                    fmt::format("a grant mapping has 1 to {} frames, not {}", kMaxReferences, references.size()));
    }
    UniqueFd device = TRY(open_xen_device("gntdev"));
    const auto what = [&] {
        return fmt::format("cannot map grant {} (and {} more) of domain {}", references.front().raw,
                           references.size() - 1, domain.raw);
    };
    int error = 0;
    const std::uint64_t index = register_references(device.get(), domain, references, error);
    if (error != 0) return std::unexpected(Error::from_errno(error, what()));
    const std::size_t size = references.size() * kPageSize;
    const int protection = access == Access::ReadWrite ? PROT_READ | PROT_WRITE : PROT_READ;
    void* address = ::mmap(nullptr, size, protection, MAP_SHARED, device.get(), static_cast<off_t>(index));
    if (address == MAP_FAILED) return std::unexpected(Error::from_errno(errno, what()));
    return GrantMapping{std::move(device), Mapping{address, size}};
}

// Closing the device drops its registrations; the mapping goes first, then the device.
GrantMapping::~GrantMapping() {
    memory_ = Mapping{};
}

}  // namespace hvctl
