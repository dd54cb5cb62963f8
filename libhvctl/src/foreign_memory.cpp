#include "hvctl/foreign_memory.hpp"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include <cerrno>
#include <limits>
#include <vector>

#include "hvctl/try.hpp"
#include "linux_ioctls.hpp"
#include "xen_device.hpp"

namespace hvctl {

static_assert(sizeof(Mfn) == sizeof(std::uint64_t), "arrays of frames are passed to the kernel as they are");

Result<ForeignMemory> ForeignMemory::open() {
    return ForeignMemory{TRY(open_xen_device("privcmd"))};
}

Result<Mapping> ForeignMemory::map(DomainId domain, std::span<const Mfn> frames, Access access) const {
    if (frames.empty()) return Mapping{};
    if (frames.size() > std::numeric_limits<std::uint32_t>::max()) {
        return fail(ErrorCode::InvalidArgument, fmt::format("{} frames are too many for one mapping", frames.size()));
    }
    const std::size_t size = frames.size() * kPageSize;
    const int protection = access == Access::ReadWrite ? PROT_READ | PROT_WRITE : PROT_READ;
    void* address = ::mmap(nullptr, size, protection, MAP_SHARED, device_.get(), 0);
    if (address == MAP_FAILED) {
        return std::unexpected(
            Error::from_errno(errno, fmt::format("cannot reserve {} pages for foreign frames", frames.size())));
    }
    Mapping mapping{address, size};
    std::vector<int> errors(frames.size());
    linux_abi::PrivcmdMmapBatchV2 request{.num = static_cast<std::uint32_t>(frames.size()),
                                          .domain = domain.raw,
                                          .address = reinterpret_cast<std::uintptr_t>(address),
                                          .frames = &frames.front().raw,
                                          .errors = errors.data()};
    const int result = ::ioctl(device_.get(), linux_abi::kPrivcmdMmapBatchV2, &request);
    const int error_number = errno;
    for (std::size_t i = 0; i < errors.size(); ++i) {
        if (errors[i] == 0) continue;
        return std::unexpected(Error::from_errno(
            -errors[i], fmt::format("cannot map frame {:#x} of domain {}", frames[i].raw, domain.raw)));
    }
    if (result < 0) {
        return std::unexpected(Error::from_errno(
            error_number, fmt::format("cannot map {} frames of domain {}", frames.size(), domain.raw)));
    }
    return mapping;
}

}  // namespace hvctl
