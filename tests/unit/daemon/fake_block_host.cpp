#include "fake_block_host.hpp"

#include <fmt/format.h>
#include <sys/sysmacros.h>

#include <cstdio>

#include "devices/block/vbd.hpp"

namespace hvctld::test {
namespace {

constexpr unsigned kLoopMajor = 7;

}  // namespace

Result<Backing> FakeBlockHost::attach(Image image, const config::DiskDefinition& disk) {
    if (on_attach) {
        if (auto refused = on_attach(disk.target); !refused) return std::unexpected(refused.error());
    }
    return Backing{std::move(image.file), makedev(kLoopMajor, devices_++)};
}

Result<void> FakeBlockHost::grow(const config::DiskDefinition& disk, dev_t device, std::uint64_t bytes) {
    grown = fmt::format("{} {}:{} {}", disk.target, major(device), minor(device), bytes);
    return {};
}

Result<FileSystemRoom> FakeBlockHost::room_for(const std::vector<ImageFile>& images) {
    const std::scoped_lock lock{measuring};
    if (on_room) return on_room(images);
    FileSystemRoom now = room;
    for (const ImageFile& image : images) {
        if (!allocated.contains(image.path)) now.growing.push_back(image.id);
    }
    return now;
}

std::optional<dev_t> FakeBlockHost::serves(DomainId domain, std::uint32_t number) {
    const auto disk = served.find({domain.raw, number});
    return disk != served.end() ? std::optional{disk->second} : std::nullopt;
}

Result<std::pair<ImageId, Backing>> FakeBlockHost::find_again(const config::DiskDefinition& disk, dev_t device) {
    const auto image = open_image(disk, false);
    if (!image) return std::unexpected(image.error());
    return std::pair{image->id, Backing{UniqueFd{}, device}};
}

std::optional<DiskCounters> FakeBlockHost::counters(DomainId domain, std::uint32_t number) {
    return served.contains({domain.raw, number}) ? std::optional{counted} : std::nullopt;
}

Result<void> FakeBlockHost::check_limits() {
    if (can_limit) return {};
    return fail(ErrorId::NotSupported, "disks cannot have limits here");
}

Result<bool> FakeBlockHost::keep_limits(const std::vector<LimitedGuest>& guests) {
    const std::scoped_lock lock{limiting};
    limited = guests;
    return !guests.empty();
}

bool FakeBlockHost::has_let_go(DomainId domain, std::uint32_t number, dev_t) {
    return !requests_hang && !serves(domain, number);
}

void FakeBlockHost::watch(store::Store& store, std::function<void(std::function<void()>)> post) {
    store.watch("/local/domain/0/backend/vbd", "kernel",
                [this, &store, post](const std::string& path, const std::string&) {
                    post([this, &store, path] { look(store, path); });
                });
    go_on(store);
}

// Those of a process of the daemon before this one: the kernel goes on with them.
void FakeBlockHost::go_on(store::Store& store) {
    const std::string folder = "/local/domain/0/backend/vbd";
    for (const std::string& domid : store.list(folder).value_or(std::vector<std::string>{})) {
        const BusDevices vbds{store, kVbd, static_cast<std::uint16_t>(std::stoul(domid))};
        for (const std::uint32_t number : vbds.numbers()) {
            const auto state = vbds.state(number).value_or(BusState::Closed);
            if (state >= BusState::InitWait && state <= BusState::Closing)
                served[{static_cast<std::uint16_t>(std::stoul(domid)), number}] = vbd_device(vbds, number);
            look(store, fmt::format("{}/{}/{}", folder, domid, number));
        }
    }
}

void FakeBlockHost::look(store::Store& store, const std::string& path) {
    std::erase_if(served, [&](const auto& disk) {
        return !store.exists(fmt::format("/local/domain/0/backend/vbd/{}/{}", disk.first.first, disk.first.second));
    });
    unsigned domid = 0;
    unsigned number = 0;
    if (!has_blkback || std::sscanf(path.c_str(), "/local/domain/0/backend/vbd/%u/%u", &domid, &number) != 2) return;
    const std::pair id{static_cast<std::uint16_t>(domid), static_cast<std::uint32_t>(number)};
    const BusDevices vbds{store, kVbd, id.first};
    const std::string state = fmt::format("/local/domain/0/backend/vbd/{}/{}/state", domid, number);
    const auto present = vbds.state(number);
    if (!present) return;
    if (*present == BusState::Initialising && !complaint.empty()) {
        (void)store.write(fmt::format("/local/domain/0/error/backend/vbd/{}/{}/error", domid, number), complaint);
        (void)store.write(state, "5");
    } else if (*present == BusState::Initialising) {
        served[id] = vbd_device(vbds, number);
        (void)store.write(state, "2");
    } else if (*present == BusState::InitWait && guest_takes) {
        (void)store.write(state, "4");
    } else if (*present == BusState::Closing && guest_lets_go && vbds.read(number, "online") == "0") {
        served.erase(id);
        (void)store.write(state, "6");
    }
}

}  // namespace hvctld::test
