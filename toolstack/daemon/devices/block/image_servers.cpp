#include "devices/block/image_servers.hpp"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>

#include "base/log.hpp"
#include "hvctl/try.hpp"

namespace hvctld {
namespace {

// In place of a device, of a service that the process before this one has left behind.
constexpr dev_t kLeft = ~dev_t{0};

// The kernel would look for partitions on what belongs to a guest.
Result<void> check_no_partitions() {
    const std::string parts = first_line("/sys/module/nbd/parameters/max_part");
    if (parts.empty() || parts == "0") return {};
    return fail(ErrorId::BackendFailed,
                "Dom0's module nbd was loaded to look for partitions on its disks, and would read those of guests: "
                "'modprobe -r nbd && modprobe nbd max_part=0 && systemctl restart hvctld' loads it anew");
}

std::unexpected<Error> gone() {
    return fail(ErrorId::BackendFailed, "the image's server is gone; 'journalctl -u \"hvctl-disk@*\"' tells why");
}

std::optional<ImageService> service_of(const NbdDevice& device) {
    auto served = parse_label(device.label);
    return served ? std::optional{ImageService{std::move(*served)}} : std::nullopt;
}

Result<std::optional<NbdDevice>> find(dev_t device) {
    for (const NbdDevice& one : TRY(connected_nbd_devices())) {
        if (one.device == device && service_of(one)) return one;
    }
    return std::optional<NbdDevice>{};
}

// Its requests fail, and the guest has lost the disk: it can be ended.
void give_up(const NbdDevice& device, const ImageService& service) {
    log::error(
        "{}: the image's server cannot be kept alive; the guest is told that its disk has failed. 'journalctl -u {}' "
        "tells why; see to that, and have the guest start again",
        device.label, service.unit());
    auto control = NbdControl::open();
    if (control) (void)control->disconnect(device);
}

Result<void> revive(const NbdDevice& device, const ImageService& service) {
    log::warning("{}: the image's server has died; it is started anew", service.unit());
    const auto connection = TRY(service.restart());
    NbdControl control = TRY(NbdControl::open());
    return control.reconnect(device, connection.socket.get());
}

}  // namespace

ImageServers::ImageServers() : watcher_{[this](const std::stop_token& stop) { watch(stop); }} {}

Result<Backing> ImageServers::attach(const Image& image, const config::DiskDefinition& disk) {
    TRY(check_server(disk));
    TRY(check_no_partitions());
    NbdControl control = TRY(NbdControl::open());
    const ImageService service = ImageService::make(image.id);
    {
        const std::lock_guard lock{mutex_};
        servers_[service.id()] = 0;
    }
    const auto connect = [&]() -> Result<NbdControl::Connected> {
        TRY(service.prepare(image, disk));
        const auto connection = TRY(service.start());
        const std::lock_guard changing{changing_};
        return control.connect(connection.socket.get(), connection.served, service.label());
    };
    auto connected = connect();
    const std::lock_guard lock{mutex_};
    servers_[service.id()] = connected ? connected->device.device : kLeft;
    if (!connected) return std::unexpected(connected.error());
    return Backing{std::move(connected->file), connected->device.device};
}

Result<void> ImageServers::grow(const config::DiskDefinition& disk, dev_t device, std::uint64_t bytes) {
    constexpr std::uint64_t kSector = 512;
    const auto found = TRY(find(device));
    if (!found) return gone();
    const std::string sectors = first_line(fmt::format("/sys/dev/block/{}:{}/size", major(device), minor(device)));
    if (sectors.empty()) return gone();
    const std::uint64_t present = std::strtoull(sectors.c_str(), nullptr, 10) * kSector;
    if (bytes < present) {
        return fail(ErrorId::InvalidArgument, fmt::format("it has {}; the disk of a guest that runs can only grow",
                                                          config::format_size(present)));
    }
    if (disk.read_only) return fail(ErrorId::InvalidArgument, "a disk that is read-only cannot be made larger");
    // Of what QEMU serves it knows how to with these alone; to find that out takes the disk away for a while.
    if (disk.format != "qcow2" && disk.format != config::kEncrypted) {
        return fail(
            ErrorId::InvalidArgument,
            fmt::format("QEMU cannot make a {0} image larger; while no guest has it, 'qemu-img convert -O qcow2 "
                        "{1} NEW' makes one of it that it can",
                        disk.format, disk.path));
    }
    const std::lock_guard changing{changing_};
    return resize(*found, bytes);
}

// Meanwhile requests wait; what was on its way is asked again half a minute later.
Result<void> ImageServers::resize(const NbdDevice& device, std::uint64_t bytes) {
    const ImageService service = *service_of(device);
    NbdControl control = TRY(NbdControl::open());
    TRY(service.withdraw());
    // What fails from here on leaves a dead connection to the watcher, which begins anew.
    if (!wait_dead(device.index)) return fail(ErrorId::BackendFailed, "Dom0's kernel is busy with it; try again");
    const auto resized = service.set_size(bytes);
    const auto connection = TRY(service.export_again());
    {
        const std::lock_guard lock{mutex_};
        dead_.erase(device.index);
    }
    TRY(control.reconnect(device, connection.socket.get()));
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

Result<ImageId> ImageServers::image_of(dev_t device) {
    const auto found = TRY(find(device));
    if (!found) return gone();
    const ImageService service = *service_of(*found);
    const std::lock_guard lock{mutex_};
    servers_[service.id()] = device;
    return service.image();
}

void ImageServers::note_user(DomainId domain, std::uint32_t number, dev_t device) {
    const std::lock_guard lock{mutex_};
    if (users_.contains({domain, number})) return;
    const auto found = find(device);
    if (found && *found) users_[{domain, number}] = service_of(**found)->id();
}

bool ImageServers::has_let_go(DomainId domain, std::uint32_t number) {
    const std::lock_guard lock{mutex_};
    const auto user = users_.find({domain, number});
    if (user == users_.end()) return true;
    return !servers_.contains(user->second);
}

// The process before this one may have left services behind; devices that it had not yet opened for as long as blkback
// has them; and dead ones. A new connection without a server is given to each: it takes the place of a dead one, dies
// at once, and the watcher hears of that. A connection that lives stays as it is.
void ImageServers::take_up() {
    const auto devices = connected_nbd_devices();
    auto control = NbdControl::open();
    if (!devices || !control) return;
    const std::lock_guard changing{changing_};
    {
        const std::lock_guard lock{mutex_};
        for (const std::string& id : ImageService::all()) servers_.try_emplace(id, kLeft);
    }
    for (const NbdDevice& device : *devices) {
        const auto service = service_of(device);
        if (!service) continue;
        {
            const std::lock_guard lock{mutex_};
            servers_[service->id()] = device.device;
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
        if (const auto service = service_of(device)) connected.insert(service->id());
    }
    for (const auto& [id, device] : known) {
        if (device == 0 || connected.contains(id)) continue;
        const Helper helper = ImageService::helper_of(id);
        const auto runs = helper.runs();
        if (!runs) continue;
        if (*runs) {
            (void)helper.ask_to_stop();
            continue;
        }
        helper.forget();
        const std::lock_guard lock{mutex_};
        servers_.erase(id);
        std::erase_if(users_, [&](const auto& user) { return user.second == id; });
    }
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
        // While resize() runs, it has ended the connection itself, and makes the next one.
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
    std::erase_if(troubles_, [&](const auto& trouble) { return now - trouble.second.since > kForgotten; });
    for (const NbdDevice& device : *devices) {
        const auto service = service_of(device);
        if (!service || !dead.contains(device.index)) continue;
        Trouble& trouble = troubles_[service->id()];
        if (now < trouble.next_try) {
            dead.erase(device.index);
            continue;
        }
        if (trouble.times == 0) trouble.since = now;
        // An image on which it ends each time would keep it busy, and its guest from its end.
        if (++trouble.times > kMostTimes) {
            give_up(device, *service);
            troubles_.erase(service->id());
            continue;
        }
        if (trouble.times > 1) trouble.next_try = now + kPause;
        if (const auto revived = revive(device, *service); !revived) {
            log::error("{}: {}", device.label, revived.error().text());
            dead.erase(device.index);
        }
    }
    const std::lock_guard lock{mutex_};
    for (const std::uint32_t index : dead) dead_.erase(index);
}

}  // namespace hvctld
