#include "devices/block/image_servers.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "base/log.hpp"
#include "base/units.hpp"
#include "devices/block/nbd_client.hpp"
#include "devices/block/qmp.hpp"
#include "devices/block/unix_socket.hpp"
#include "hvctl/try.hpp"

namespace hvctld {
namespace {

namespace fs = std::filesystem;

// What a service is started with, by ID: the options and a link to the image.
constexpr std::string_view kFolder = "/run/hvctl-disks";
constexpr std::string_view kLabel = "hvctl-disk ";
constexpr int kAnswerSeconds = 10;
constexpr std::size_t kSysfsPage = 4096;  // what a file there says to have
// In place of a device, of a service that the process before this one has left behind.
constexpr dev_t kLeft = ~dev_t{0};

std::string folder_of(const std::string& id) {
    return fmt::format("{}/{}", kFolder, id);
}
std::string unit_of(const std::string& id) {
    return fmt::format("hvctl-disk@{}.service", id);
}
std::string socket_of(const std::string& id, const char* name) {
    return fmt::format("/run/hvctl-disk-{}/{}", id, name);
}

std::string new_id() {
    std::uint64_t bits = 0;
    (void)getrandom(&bits, sizeof bits, 0);
    return fmt::format("{:016x}", bits);
}

// As qemu-storage-daemon has them.
std::string driver_of(const std::string& format) {
    return format == "vhd" ? "vpc" : format;
}

bool can_be_direct(const Image& image, bool read_only) {
    const std::string path = fmt::format("/proc/self/fd/{}", image.file.get());
    return static_cast<bool>(
        UniqueFd{::open(path.c_str(), (read_only ? O_RDONLY : O_RDWR) | O_DIRECT | O_CLOEXEC | O_NONBLOCK)});
}

// What its path leads to is looked for again by another process.
Result<void> check_same(const std::string& path, const std::string& id) {
    const UniqueFd file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)};
    struct stat status {};
    if (!file || fstat(file.get(), &status) != 0) return fail_errno(errno, path);
    const ImageId present = S_ISBLK(status.st_mode) ? id_of_block_device(file.get(), status.st_rdev)
                                                    : ImageId{true, status.st_dev, status.st_ino};
    if (format_image_id(present) == id) return {};
    return fail(ErrorId::FileUnreadable, fmt::format("{} is another file by now", path));
}

// The kernel would look for partitions on what belongs to a guest.
Result<void> check_no_partitions() {
    const auto parts = read_text_file("/sys/module/nbd/parameters/max_part", kSysfsPage);
    if (!parts || parts->starts_with("0\n")) return {};
    return fail(ErrorId::BackendFailed,
                "Dom0's module nbd was loaded to look for partitions on its disks, and would read those of guests: "
                "'modprobe -r nbd && modprobe nbd max_part=0' loads it anew");
}

}  // namespace

ImageServers::ImageServers() : watcher_{[this](const std::stop_token& stop) { watch(stop); }} {}

std::optional<ImageServers::Server> ImageServers::server_of(const NbdDevice& device) {
    if (!device.label.starts_with(kLabel)) return std::nullopt;
    const std::string rest = device.label.substr(kLabel.size());
    const std::size_t space = rest.find(' ');
    if (space == std::string::npos || rest.find('/') != std::string::npos) return std::nullopt;
    return Server{rest.substr(0, space), rest.substr(space + 1)};
}

Result<void> ImageServers::prepare(const Server& server, const Image& image, const config::DiskDefinition& disk) {
    const std::string folder = folder_of(server.id);
    std::error_code problem;
    fs::create_directories(folder, problem);
    if (!problem) fs::create_symlink(disk.path, folder + "/image", problem);
    if (problem) return fail_errno(problem.value(), folder);
    std::ofstream options{folder + "/options"};
    options << fmt::format("FILE={}\nFORMAT={}\nREAD_ONLY={}\nWRITABLE={}\nDIRECT={}\n",
                           image.device != 0 ? "host_device" : "file", driver_of(disk.format),
                           disk.read_only ? "on" : "off", disk.read_only ? "off" : "on",
                           can_be_direct(image, disk.read_only) ? "on" : "off");
    options.close();
    return options ? Result<void>{} : fail_errno(EIO, folder);
}

// Until it answers, or ends for a reason of its own.
Result<UniqueFd> ImageServers::start(const Server& server) {
    constexpr std::chrono::milliseconds kBetweenLooks{20};
    constexpr int kLooks = 1000;
    const std::string path = folder_of(server.id) + "/image";
    TRY(check_same(path, server.image));
    TRY(run_unit(unit_of(server.id)));
    for (int look = 1;; ++look) {
        auto socket = connect_unix(socket_of(server.id, "nbd"), kAnswerSeconds);
        if (socket) {
            TRY(check_same(path, server.image));
            return socket;
        }
        if (look == kLooks || !TRY(unit_runs(unit_of(server.id)))) {
            return fail(
                ErrorId::BackendFailed,
                fmt::format("the image's server does not start; 'journalctl -u {}' tells why", unit_of(server.id)));
        }
        std::this_thread::sleep_for(kBetweenLooks);
    }
}

Result<void> ImageServers::end(const Server& server) {
    TRY(stop_unit(unit_of(server.id)));
    std::error_code problem;
    fs::remove_all(folder_of(server.id), problem);
    const std::lock_guard lock{mutex_};
    servers_.erase(server.id);
    return {};
}

Result<Backing> ImageServers::attach(const Image& image, const config::DiskDefinition& disk) {
    TRY(check_server(disk));
    TRY(check_no_partitions());
    NbdControl control = TRY(NbdControl::open());
    const Server server{new_id(), format_image_id(image.id)};
    {
        const std::lock_guard lock{mutex_};
        servers_[server.id] = 0;
    }
    const auto connect = [&]() -> Result<NbdControl::Connected> {
        TRY(prepare(server, image, disk));
        const UniqueFd socket = TRY(start(server));
        const NbdExport served = TRY(open_nbd_export(socket.get(), "disk"));
        wait_at_most(socket.get(), 0);
        return control.connect(socket.get(), served, fmt::format("{}{} {}", kLabel, server.id, server.image));
    };
    auto connected = connect();
    if (!connected) {
        if (const auto ended = end(server); !ended) log::error("{}: {}", disk.path, ended.error().text());
        return std::unexpected(connected.error());
    }
    const std::lock_guard lock{mutex_};
    servers_[server.id] = connected->device.device;
    return Backing{std::move(connected->file), connected->device.device};
}

Result<void> ImageServers::grow(const config::DiskDefinition& disk, dev_t device, std::uint64_t bytes) {
    constexpr std::uint64_t kSector = 512;
    const auto devices = connected_nbd_devices();
    const auto found = std::ranges::find(devices, device, &NbdDevice::device);
    const auto server = found != devices.end() ? server_of(*found) : std::nullopt;
    if (!server) return fail(ErrorId::BackendFailed, "the image's server is gone");
    const std::string sectors =
        TRY(read_text_file(fmt::format("/sys/dev/block/{}:{}/size", major(device), minor(device)), kSysfsPage));
    const std::uint64_t present = std::strtoull(sectors.c_str(), nullptr, 10) * kSector;
    if (bytes < present) {
        return fail(ErrorId::InvalidArgument, fmt::format("it has {}; the disk of a guest that runs can only grow",
                                                          config::format_size(present)));
    }
    if (disk.read_only)
        return fail(ErrorId::InvalidArgument, "nobody makes it larger through a disk that only reads it");
    const std::lock_guard changing{changing_};
    return resize(*found, *server, bytes);
}

// An image that is exported keeps its size: for a moment it is not, and requests wait.
Result<void> ImageServers::resize(const NbdDevice& device, const Server& server, std::uint64_t bytes) {
    const std::string qmp = socket_of(server.id, "qmp");
    TRY(qmp_command(qmp, "block-export-del", {{"id", "disk"}, {"mode", "hard"}}));
    wait_dead(device.index);
    const auto resized = qmp_command(qmp, "block_resize", {{"node-name", "disk"}, {"size", bytes}});
    // What fails from here on leaves a dead connection to the watcher, which begins anew.
    TRY(qmp_command(qmp, "block-export-add",
                    {{"type", "nbd"}, {"id", "disk"}, {"node-name", "disk"}, {"name", "disk"}, {"writable", true}}));
    NbdControl control = TRY(NbdControl::open());
    const UniqueFd socket = TRY(connect_unix(socket_of(server.id, "nbd"), kAnswerSeconds));
    TRY(open_nbd_export(socket.get(), "disk"));
    wait_at_most(socket.get(), 0);
    TRY(control.reconnect(device, socket.get()));
    {
        const std::lock_guard lock{mutex_};
        dead_.erase(device.index);
    }
    TRY(resized);
    return control.resize(device, bytes);
}

void ImageServers::wait_dead(std::uint32_t index) {
    constexpr int kLooks = 200;
    constexpr std::chrono::milliseconds kBetweenLooks{10};
    for (int look = 0; look < kLooks; ++look) {
        {
            const std::lock_guard lock{mutex_};
            if (dead_.contains(index)) return;
        }
        std::this_thread::sleep_for(kBetweenLooks);
    }
}

Result<ImageId> ImageServers::image_of(dev_t device) {
    for (const NbdDevice& one : connected_nbd_devices()) {
        const auto server = one.device == device ? server_of(one) : std::nullopt;
        const auto id = server ? parse_image_id(server->image) : std::nullopt;
        if (!id) continue;
        const std::lock_guard lock{mutex_};
        servers_[server->id] = device;
        return *id;
    }
    return fail(ErrorId::BackendFailed, "the image's server is gone");
}

bool ImageServers::has_let_go(dev_t device) {
    if (access(fmt::format("/sys/dev/block/{}:{}/pid", major(device), minor(device)).c_str(), F_OK) == 0) return false;
    const std::lock_guard lock{mutex_};
    return std::ranges::none_of(servers_, [&](const auto& server) { return server.second == device; });
}

// The process before this one may have left services behind, and missed that one had died: a connection that nobody
// answers takes the place of one that is dead, dies at once, and is heard of. One that lives is left alone.
void ImageServers::take_up() {
    std::error_code problem;
    const std::lock_guard lock{mutex_};
    for (const auto& entry : fs::directory_iterator{kFolder, problem})
        servers_.try_emplace(entry.path().filename(), kLeft);
    for (const NbdDevice& device : connected_nbd_devices()) {
        const auto server = server_of(device);
        if (!server) continue;
        servers_[server->id] = device.device;
        std::array<int, 2> ends{-1, -1};
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) continue;
        const UniqueFd one{ends[0]};
        const UniqueFd other{ends[1]};
        auto control = NbdControl::open();
        if (control) (void)control->reconnect(device, one.get());
    }
}

void ImageServers::sweep() {
    std::map<std::string, dev_t> known;
    {
        const std::lock_guard lock{mutex_};
        known = servers_;
    }
    if (known.empty()) return;
    std::set<std::string> connected;
    for (const NbdDevice& device : connected_nbd_devices()) {
        if (const auto server = server_of(device)) connected.insert(server->id);
    }
    for (const auto& [id, device] : known) {
        if (device == 0 || connected.contains(id)) continue;
        if (const auto ended = end({id, {}}); !ended) log::error("{}", ended.error().text());
    }
}

// What it still had on its way to the image must not come after what the next one writes: it is over before.
Result<void> ImageServers::revive(const NbdDevice& device) {
    const auto server = server_of(device);
    if (!server) return {};
    log::warning("{}: the image's server has died, or has not answered for long; it is started anew",
                 unit_of(server->id));
    TRY(signal_unit(unit_of(server->id), SIGKILL));
    TRY(stop_unit(unit_of(server->id)));
    const UniqueFd socket = TRY(start(*server));
    TRY(open_nbd_export(socket.get(), "disk"));
    wait_at_most(socket.get(), 0);
    NbdControl control = TRY(NbdControl::open());
    return control.reconnect(device, socket.get());
}

void ImageServers::watch(const std::stop_token& stop) {
    constexpr int kPauseMs = 1000;
    constexpr std::chrono::seconds kAfterFailure{10};
    std::optional<NbdControl> listener;
    auto next_try = std::chrono::steady_clock::now();
    while (!stop.stop_requested()) {
        // Asked for what it has not, the kernel would look for a module each time.
        if (!listener && access("/sys/module/nbd", F_OK) == 0) {
            auto control = NbdControl::open();
            if (control && control->listen()) {
                listener = std::move(*control);
                take_up();
            }
        }
        if (!listener) {
            std::this_thread::sleep_for(std::chrono::milliseconds{kPauseMs});
            continue;
        }
        if (const auto index = listener->next_dead(kPauseMs)) {
            const std::lock_guard lock{mutex_};
            dead_.insert(*index);
        }
        // Who changes a size has ended the connection himself.
        const auto now = std::chrono::steady_clock::now();
        if (const std::unique_lock changing{changing_, std::try_to_lock}; changing && now >= next_try)
            next_try = revive_all() ? now : now + kAfterFailure;
        sweep();
    }
}

bool ImageServers::revive_all() {
    std::set<std::uint32_t> dead;
    {
        const std::lock_guard lock{mutex_};
        dead.swap(dead_);
    }
    if (dead.empty()) return true;
    bool all = true;
    for (const NbdDevice& device : connected_nbd_devices()) {
        if (!dead.contains(device.index)) continue;
        if (const auto revived = revive(device); !revived) {
            log::error("{}: {}", device.label, revived.error().text());
            all = false;
            const std::lock_guard lock{mutex_};
            dead_.insert(device.index);
        }
    }
    return all;
}

}  // namespace hvctld
