#include "hvctl/store_ring.hpp"

#include <sys/ioctl.h>
#include <sys/mman.h>

#include <cerrno>

#include "hvctl/try.hpp"
#include "linux_ioctls.hpp"
#include "xen_device.hpp"

namespace hvctl {

Result<LocalStoreRing> open_local_store_ring() {
    const UniqueFd device = TRY(open_xen_device("xenbus_backend"));
    const int port = ::ioctl(device.get(), linux_abi::kXenbusBackendEvtchn, 0);
    if (port <= 0) {
        return fail(ErrorCode::NotSupported,
                    "this kernel has no store ring of its own to serve: its store is in another domain",
                    port < 0 ? errno : 0);
    }
    void* address = ::mmap(nullptr, kPageSize, PROT_READ | PROT_WRITE, MAP_SHARED, device.get(), 0);
    if (address == MAP_FAILED) {
        return std::unexpected(
            Error::from_errno(errno, "cannot map this kernel's store ring (/dev/xen/xenbus_backend)"));
    }
    return LocalStoreRing{Mapping{address, kPageSize}, EventPort{static_cast<std::uint32_t>(port)}};
}

}  // namespace hvctl
