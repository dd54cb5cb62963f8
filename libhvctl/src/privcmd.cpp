// The real hypercall port, over Linux's /dev/xen/privcmd.
#include <sys/ioctl.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

#include "hv/abi/xen/errno.hpp"
#include "hvctl/hypercall.hpp"
#include "linux_ioctls.hpp"
#include "xen_device.hpp"

namespace hvctl {

namespace {

class PrivcmdPort final : public HypercallPort {
  public:
    PrivcmdPort(UniqueFd device, BufferPool buffers) : device_{std::move(device)}, buffers_{std::move(buffers)} {}

    std::int64_t call(std::uint64_t number, std::uint64_t a1, std::uint64_t a2, std::uint64_t a3, std::uint64_t a4,
                      std::uint64_t a5) override {
        linux_abi::PrivcmdHypercall request{.op = number, .arg = {a1, a2, a3, a4, a5}};
        const int result = ::ioctl(device_.get(), linux_abi::kPrivcmdHypercall, &request);
        return result < 0 ? -static_cast<std::int64_t>(errno) : result;
    }

    BufferPool& buffers() override { return buffers_; }

  private:
    UniqueFd device_;
    BufferPool buffers_;
};

}  // namespace

Result<std::unique_ptr<HypercallPort>> open_hypercall_port() {
    auto device = open_xen_device("privcmd");
    if (!device) return std::unexpected(std::move(device).error());
    return std::make_unique<PrivcmdPort>(std::move(*device), BufferPool::for_this_kernel());
}

Error hypercall_error(std::int64_t result, std::string_view context) {
    const int number = result < 0 && result > -4096 ? static_cast<int>(-result) : hv::abi::xen::kEIO;
    return Error::from_errno(number, std::string{context});
}

}  // namespace hvctl
