#include "devices/block/kernel_block_host.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <thread>

#include "devices/block/loop_device.hpp"
#include "hvctl/try.hpp"

namespace hvctld {
namespace {

// A loop device goes by itself a moment after the guest that had it: see attach_loop().
constexpr int kLooks = 50;
constexpr std::chrono::milliseconds kBetweenLooks{100};

Result<void> wait_unused(const Image& image, const config::DiskDefinition& disk) {
    for (int look = 1;; ++look) {
        auto unused = check_unused(image, disk);
        if (unused || unused.error().id() != ErrorId::ImageBusy || look == kLooks) return unused;
        std::this_thread::sleep_for(kBetweenLooks);
    }
}

}  // namespace

Result<Backing> KernelBlockHost::attach(Image image, const config::DiskDefinition& disk) {
    TRY(wait_unused(image, disk));
    if (image.device != 0) return Backing{std::move(image.file), image.device};
    LoopDevice loop = TRY(within(fmt::format("disk {}: {}", disk.target, disk.path),
                                 attach_loop(image.file.get(), disk.read_only, disk.path)));
    return Backing{std::move(loop.file), loop.device};
}

bool KernelBlockHost::serves(DomainId domain, std::uint32_t number) {
    const auto path = fmt::format("/sys/bus/xen-backend/devices/vbd-{}-{}/physical_device", domain.raw, number);
    return access(path.c_str(), F_OK) == 0;
}

}  // namespace hvctld
