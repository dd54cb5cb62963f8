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
#include "devices/block/image_format.hpp"
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

bool can_be_direct(const Image& image, bool read_only) {
    const std::string path = fmt::format("/proc/self/fd/{}", image.file.get());
    return static_cast<bool>(
        UniqueFd{::open(path.c_str(), (read_only ? O_RDONLY : O_RDWR) | O_DIRECT | O_CLOEXEC | O_NONBLOCK)});
}

// Names of the link, and of what the service sees in its root.
constexpr const char* kWritable = "/image";
constexpr const char* kReadOnly = "/image-ro";

const char* name_of(const std::string& id) {
    std::error_code problem;
    return fs::is_symlink(fs::symlink_status(folder_of(id) + kWritable, problem)) ? kWritable : kReadOnly;
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
                "'modprobe -r nbd && modprobe nbd max_part=0 && systemctl restart hvctld' loads it anew");
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
    if (!problem) fs::create_symlink(disk.path, folder + (disk.read_only ? kReadOnly : kWritable), problem);
    if (problem) return fail_errno(problem.value(), folder);
    std::ofstream options{folder + "/options"};
    options << fmt::format("FILE={}\nIMAGE={}\nFORMAT={}\nREAD_ONLY={}\nWRITABLE={}\nDIRECT={}\n",
                           image.device != 0 ? "host_device" : "file", disk.read_only ? kReadOnly : kWritable,
                           qemu_driver(disk.format), disk.read_only ? "on" : "off", disk.read_only ? "off" : "on",
                           can_be_direct(image, disk.read_only) ? "on" : "off");
    options.close();
    return options ? Result<void>{} : fail_errno(EIO, folder);
}

// Until it answers, or ends for a reason of its own.
Result<UniqueFd> ImageServers::start(const Server& server) {
    constexpr std::chrono::milliseconds kBetweenLooks{20};
    constexpr int kLooks = 1000;
    const std::string name = name_of(server.id);
    TRY(check_same(folder_of(server.id) + name, server.image));
    TRY(run_unit(unit_of(server.id)));
    for (int look = 1;; ++look) {
        auto socket = connect_unix(socket_of(server.id, "nbd"));
        if (socket) {
            // Not what the link leads to by now, but what the service has.
            TRY(check_same(fmt::format("/proc/{}/root{}", TRY(unit_process(unit_of(server.id))), name), server.image));
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
        wait_for_ever(socket.get());
        const std::lock_guard changing{changing_};
        return control.connect(socket.get(), served, fmt::format("{}{} {}", kLabel, server.id, server.image));
    };
    auto connected = connect();
    if (!connected) {
        if (const auto ended = end(server); !ended) {
            log::error("{}: {}", disk.path, ended.error().text());
            const std::lock_guard lock{mutex_};
            servers_[server.id] = kLeft;
        }
        return std::unexpected(connected.error());
    }
    const std::lock_guard lock{mutex_};
    servers_[server.id] = connected->device.device;
    return Backing{std::move(connected->file), connected->device.device};
}

Result<void> ImageServers::grow(const config::DiskDefinition& disk, dev_t device, std::uint64_t bytes) {
    constexpr std::uint64_t kSector = 512;
    const auto found = TRY(find(device));
    const auto server = found ? server_of(*found) : std::nullopt;
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

// An image that is exported keeps its size: for a moment it is not. Requests wait; what was on its way is asked again
// half a minute later.
Result<void> ImageServers::resize(const NbdDevice& device, const Server& server, std::uint64_t bytes) {
    const std::string qmp = socket_of(server.id, "qmp");
    TRY(qmp_command(qmp, "block-export-del", {{"id", "disk"}, {"mode", "hard"}}));
    if (!wait_dead(device.index)) return fail(ErrorId::BackendFailed, "the kernel does not notice that it is changed");
    const auto resized = qmp_command(qmp, "block_resize", {{"node-name", "disk"}, {"size", bytes}});
    // What fails from here on leaves a dead connection to the watcher, which begins anew.
    TRY(qmp_command(qmp, "block-export-add",
                    {{"type", "nbd"},
                     {"id", "disk"},
                     {"node-name", "disk"},
                     {"name", "disk"},
                     {"writable", true},
                     {"writethrough", true}}));
    NbdControl control = TRY(NbdControl::open());
    const UniqueFd socket = TRY(connect_unix(socket_of(server.id, "nbd")));
    TRY(open_nbd_export(socket.get(), "disk"));
    wait_for_ever(socket.get());
    {
        const std::lock_guard lock{mutex_};
        dead_.erase(device.index);
    }
    TRY(control.reconnect(device, socket.get()));
    TRY(resized);
    return control.resize(device, bytes);
}

bool ImageServers::wait_dead(std::uint32_t index) {
    constexpr int kLooks = 200;
    constexpr std::chrono::milliseconds kBetweenLooks{10};
    for (int look = 0; look < kLooks; ++look) {
        {
            const std::lock_guard lock{mutex_};
            if (dead_.contains(index)) return true;
        }
        std::this_thread::sleep_for(kBetweenLooks);
    }
    return false;
}

Result<std::optional<NbdDevice>> ImageServers::find(dev_t device) {
    for (const NbdDevice& one : TRY(connected_nbd_devices())) {
        if (one.device == device && server_of(one)) return one;
    }
    return std::optional<NbdDevice>{};
}

Result<ImageId> ImageServers::image_of(dev_t device) {
    const auto found = TRY(find(device));
    const auto server = found ? server_of(*found) : std::nullopt;
    const auto id = server ? parse_image_id(server->image) : std::nullopt;
    if (!id) return fail(ErrorId::BackendFailed, "the image's server is gone");
    const std::lock_guard lock{mutex_};
    servers_[server->id] = device;
    return *id;
}

void ImageServers::note_user(DomainId domain, std::uint32_t number, dev_t device) {
    const std::lock_guard lock{mutex_};
    if (users_.contains({domain, number})) return;
    const auto found = find(device);
    const auto server = found && *found ? server_of(**found) : std::nullopt;
    if (server) users_[{domain, number}] = server->id;
}

bool ImageServers::has_let_go(DomainId domain, std::uint32_t number) {
    const std::lock_guard lock{mutex_};
    const auto user = users_.find({domain, number});
    if (user == users_.end()) return true;
    return !servers_.contains(user->second);
}

// The process before this one may have left services behind; devices that it had not yet opened for as long as blkback
// has them; and dead ones. A connection that nobody answers takes the place of a dead one, dies at once, and is heard
// of. One that lives is left alone.
void ImageServers::take_up() {
    const auto devices = connected_nbd_devices();
    auto control = NbdControl::open();
    if (!devices || !control) return;
    const std::lock_guard changing{changing_};
    std::error_code problem;
    {
        const std::lock_guard lock{mutex_};
        for (fs::directory_iterator entry{kFolder, problem}, end; !problem && entry != end; entry.increment(problem))
            servers_.try_emplace(entry->path().filename(), kLeft);
    }
    for (const NbdDevice& device : *devices) {
        const auto server = server_of(device);
        if (!server) continue;
        {
            const std::lock_guard lock{mutex_};
            servers_[server->id] = device.device;
        }
        if (const auto kept = control->keep_open(device); !kept) log::error("{}", kept.error().text());
        std::array<int, 2> ends{-1, -1};
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) continue;
        const UniqueFd one{ends[0]};
        const UniqueFd other{ends[1]};
        (void)control->reconnect(device, one.get());
    }
}

void ImageServers::sweep() {
    std::map<std::string, dev_t> known;
    {
        const std::lock_guard lock{mutex_};
        known = servers_;
    }
    if (known.empty()) return;
    const auto devices = connected_nbd_devices();
    if (!devices) return;  // which is not to say that there are none
    std::set<std::string> connected;
    for (const NbdDevice& device : *devices) {
        if (const auto server = server_of(device)) connected.insert(server->id);
    }
    for (const auto& [id, device] : known) {
        if (device == 0 || connected.contains(id)) continue;
        const auto runs = unit_runs(unit_of(id));
        if (!runs) continue;
        if (*runs) {
            (void)ask_unit_to_stop(unit_of(id));
            continue;
        }
        std::error_code problem;
        fs::remove_all(folder_of(id), problem);
        const std::lock_guard lock{mutex_};
        servers_.erase(id);
        std::erase_if(users_, [&](const auto& user) { return user.second == id; });
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
    wait_for_ever(socket.get());
    NbdControl control = TRY(NbdControl::open());
    return control.reconnect(device, socket.get());
}

// Its requests fail, and the guest has lost the disk: it can be ended.
void ImageServers::give_up(const NbdDevice& device) {
    log::error(
        "{}: the image's server cannot be kept alive; the guest is told that its disk has failed. 'journalctl -u {}' "
        "tells why; see to that, and have the guest start again",
        device.label, unit_of(server_of(device)->id));
    auto control = NbdControl::open();
    if (control) (void)control->disconnect(device);
}

void ImageServers::watch(const std::stop_token& stop) {
    constexpr std::chrono::seconds kPause{1};
    std::optional<NbdControl> listener;
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
            std::this_thread::sleep_for(kPause);
            continue;
        }
        const auto dead = listener->next_dead(std::chrono::milliseconds{kPause}.count());
        if (!dead) {
            // Something may have been missed.
            listener.reset();
            continue;
        }
        if (*dead) {
            const std::lock_guard lock{mutex_};
            dead_.insert(**dead);
        }
        // Who changes a size has ended the connection himself.
        if (const std::unique_lock changing{changing_, std::try_to_lock}; changing) revive_all();
        sweep();
    }
}

void ImageServers::revive_all() {
    using Clock = std::chrono::steady_clock;
    constexpr unsigned kMostTimes = 30;
    constexpr std::chrono::seconds kPause{10};
    constexpr std::chrono::minutes kForgotten{10};
    std::set<std::uint32_t> dead;
    {
        const std::lock_guard lock{mutex_};
        dead = dead_;
    }
    if (dead.empty()) return;
    const auto devices = connected_nbd_devices();
    if (!devices) return;
    const auto now = Clock::now();
    for (const NbdDevice& device : *devices) {
        const auto server = server_of(device);
        if (!server || !dead.contains(device.index)) continue;
        Trouble& trouble = troubles_[server->id];
        if (now < trouble.next_try) {
            dead.erase(device.index);
            continue;
        }
        if (now - trouble.since > kForgotten) trouble = {0, now, now};
        // An image on which it ends each time would keep it busy, and its guest from its end.
        if (++trouble.times > kMostTimes) {
            give_up(device);
            troubles_.erase(server->id);
            continue;
        }
        if (trouble.times > 1) trouble.next_try = now + kPause;
        if (const auto revived = revive(device); !revived) {
            log::error("{}: {}", device.label, revived.error().text());
            dead.erase(device.index);
        }
    }
    const std::lock_guard lock{mutex_};
    for (const std::uint32_t index : dead) dead_.erase(index);
}

}  // namespace hvctld
