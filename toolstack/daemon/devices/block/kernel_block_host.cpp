#include "devices/block/kernel_block_host.hpp"
#include "base/physical_device.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/major.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <set>
#include <thread>
#include <utility>

#include "base/log.hpp"
#include "devices/block/loop_device.hpp"
#include "devices/block/vbd.hpp"
#include "hvctl/try.hpp"

namespace hvctld {
namespace {

// A loop device goes by itself a moment after the guest that had it, and so does what serves other images.
constexpr int kLooks = 50;
constexpr std::chrono::milliseconds kBetweenLooks{100};

Result<void> wait_unused(const Image& image, const config::DiskDefinition& disk, ImageServers& servers) {
    for (int look = 1;; ++look) {
        if (disk.format != "raw") servers.sweep();
        auto unused = check_unused(image, disk);
        if (unused || unused.error().id() != ErrorId::ImageBusy || look == kLooks) return unused;
        std::this_thread::sleep_for(kBetweenLooks);
    }
}

// The kernel's own name of it, which is there before udev's.
std::string path_of(dev_t device) {
    std::error_code problem;
    const auto folder =
        std::filesystem::canonical(fmt::format("/sys/dev/block/{}:{}", major(device), minor(device)), problem);
    std::string name = problem ? std::string{} : folder.filename().string();
    std::ranges::replace(name, '!', '/');
    return "/dev/" + name;
}

// Opened exclusively (O_EXCL): as long as it is open, no program in Dom0 can mount it or open it exclusively, too.
Result<UniqueFd> open_alone(const std::string& path, const config::DiskDefinition& disk) {
    UniqueFd file{::open(path.c_str(), O_RDONLY | O_EXCL | O_CLOEXEC | O_NONBLOCK)};
    if (file) return file;
    if (errno != EBUSY) return fail_errno(errno, fmt::format("disk {}: {}", disk.target, disk.path));
    return fail(ErrorId::ImageBusy, fmt::format("disk {}: {} is in use by Dom0 ('lsblk' shows how); end that first",
                                                disk.target, disk.path));
}

}  // namespace

// A device that has been made for the image is kept from Dom0 as the image's own is.
Result<Backing> KernelBlockHost::attach(Image image, const config::DiskDefinition& disk) {
    TRY(wait_unused(image, disk, servers_));
    Backing backing = TRY(within(fmt::format("disk {}: {}", disk.target, disk.path), device_for(image, disk)));
    if (disk.shared || disk.read_only) return backing;
    UniqueFd alone = TRY(open_alone(fmt::format("/proc/self/fd/{}", backing.file.get()), disk));
    return Backing{std::move(alone), backing.device, true};
}

Result<Backing> KernelBlockHost::device_for(Image& image, const config::DiskDefinition& disk) {
    if (disk.format != "raw") return servers_.attach(image, disk);
    if (image.device != 0) return Backing{std::move(image.file), image.device};
    LoopDevice loop = TRY(attach_loop(image.file.get(), disk.read_only, disk.path));
    return Backing{std::move(loop.file), loop.device};
}

Result<std::pair<ImageId, Backing>> KernelBlockHost::find_again(const config::DiskDefinition& disk, dev_t device) {
    const std::string path = path_of(device);
    ImageId id;
    if (is_nbd(device)) {
        id = TRY(servers_.image_of(device));
    } else {
        const UniqueFd file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
        if (!file) return fail_errno(errno, path);
        id = id_of_block_device(file.get(), device);
    }
    if (disk.shared || disk.read_only) return std::pair{id, Backing{UniqueFd{}, device}};
    auto alone = open_alone(path, disk);
    // The guest has it all the same.
    if (!alone) log::error("{}; a guest writes to it at the same time", alone.error().message());
    return std::pair{id, Backing{alone ? std::move(*alone) : UniqueFd{}, device, true}};
}

Result<void> KernelBlockHost::grow(const config::DiskDefinition& disk, dev_t device, std::uint64_t bytes) {
    const std::string name = fmt::format("disk {}: {}", disk.target, disk.path);
    if (is_nbd(device)) return within(name, servers_.grow(disk, device, bytes));
    const Image image = TRY(open_image(disk, false));
    if (image.device != 0) {
        return fail(ErrorId::InvalidArgument,
                    fmt::format("{} is a block device: what made it makes it larger (lvextend, for one), and the guest "
                                "sees that by itself",
                                name));
    }
    if (bytes < image.bytes) {
        return fail(ErrorId::InvalidArgument, fmt::format("{} has {}; the disk of a guest that runs can only grow",
                                                          name, config::format_size(image.bytes)));
    }
    return within(name, grow_loop(device, image, bytes));
}

std::optional<dev_t> KernelBlockHost::serves(DomainId domain, std::uint32_t number) {
    std::ifstream file{fmt::format("/sys/bus/xen-backend/devices/vbd-{}-{}/physical_device", domain.raw, number)};
    std::string text;
    if (!(file >> text)) return std::nullopt;
    const auto device = parse_physical_device(text);
    if (device && is_nbd(*device)) servers_.note_user(domain, number, *device);
    return device;
}

std::optional<DiskCounters> KernelBlockHost::counters(DomainId domain, std::uint32_t number) {
    const std::string folder = fmt::format("/sys/bus/xen-backend/devices/vbd-{}-{}/statistics", domain.raw, number);
    if (access(folder.c_str(), F_OK) != 0) return std::nullopt;
    const auto statistic = [&](const char* name) {
        std::ifstream file{fmt::format("{}/{}", folder, name)};
        std::uint64_t value = 0;
        file >> value;
        return value;
    };
    constexpr std::uint64_t kSector = 512;  // of blkback's count, whatever the disk's are
    return DiskCounters{statistic("rd_req"), statistic("wr_req"), statistic("rd_sect") * kSector,
                        statistic("wr_sect") * kSector};
}

Result<void> KernelBlockHost::keep_limits(const LimitedGuest& guest) {
    Division& division = divisions_[guest.uuid];
    const auto now = std::chrono::steady_clock::now();
    const std::chrono::duration<double> since = now - std::exchange(division.looked, now);
    const auto served = groups_.served(guest.domain.raw);
    const auto shares = groups_.shares(guest.domain.raw);
    std::map<dev_t, DiskDivision::Counted> counted;
    for (const auto& [number, device] : guest.disks) {
        const auto of_one = counters(guest.domain, number);
        if (!of_one) continue;
        const dev_t limited = whole_disk_of(device);  // the kernel limits no partition
        DiskDivision::Counted& sum = counted[limited];
        if (const auto found = served.find(limited); found != served.end()) sum.served = found->second;
        if (const auto found = shares.find(limited); found != shares.end()) sum.had = found->second;
        sum.asked.reads += of_one->reads;
        sum.asked.writes += of_one->writes;
        sum.asked.read_bytes += of_one->read_bytes;
        sum.asked.written_bytes += of_one->written_bytes;
    }
    // Of each disk with all savings; the kernel counts requests in 32 bits.
    const std::uint64_t times = std::uint64_t{guest.limits.burst_seconds} + 1;
    const std::uint64_t requests = guest.limits.requests * times <= UINT32_MAX ? guest.limits.requests * times : 0;
    const std::uint64_t bytes = guest.limits.bytes * times;
    return groups_.set(guest.domain.raw, division.shares.next(guest.limits, counted, since.count()),
                       {requests, requests, bytes, bytes});
}

Result<bool> KernelBlockHost::keep_limits(const std::vector<LimitedGuest>& guests) {
    constexpr std::chrono::hours kRemembered{1};  // a guest that starts again has saved nothing anew
    std::set<std::uint16_t> kept;
    Result<void> all;
    for (const LimitedGuest& guest : guests) {
        kept.insert(guest.domain.raw);
        if (auto one = keep_limits(guest); !one) all = std::move(one);
    }
    groups_.gather();
    const bool left = groups_.keep([&](std::uint16_t domid) { return kept.contains(domid); });
    const auto now = std::chrono::steady_clock::now();
    std::erase_if(divisions_, [&](const auto& entry) { return now - entry.second.looked > kRemembered; });
    TRY(std::move(all));
    return left || !guests.empty();
}

// blkback first is no device any more, then stops, and closes what it had when its last request has ended. A loop
// device that goes with its last user is free then; of another one only the requests are seen.
bool KernelBlockHost::has_let_go(DomainId domain, std::uint32_t number, dev_t device) {
    for (const char* folder : {"/sys/bus/xen-backend/devices", "/sys/devices"}) {
        if (access(fmt::format("{}/vbd-{}-{}", folder, domain.raw, number).c_str(), F_OK) == 0) return false;
    }
    if (is_nbd(device)) return servers_.has_let_go(domain, number);
    const std::string sysfs = fmt::format("/sys/dev/block/{}:{}", major(device), minor(device));
    if (major(device) == LOOP_MAJOR && first_line(sysfs + "/loop/autoclear") == "1") return false;
    std::ifstream file{sysfs + "/inflight"};
    unsigned reads = 0;
    unsigned writes = 0;
    return !(file >> reads >> writes) || (reads == 0 && writes == 0);
}

}  // namespace hvctld
