#include "devices/block/vbd.hpp"

#include <fmt/format.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <cstdio>

#include "config/disk_target.hpp"
#include "domain/store_entries.hpp"
#include "domain/store_writer.hpp"

namespace hvctld {
namespace {

using store::Access;
using store::Permissions;

std::string state_text(BusState state) {
    return fmt::format("{}", static_cast<unsigned>(state));
}

std::string backends_of(std::uint16_t domid) {
    return fmt::format("{}/backend/vbd/{}", domain_path(0), domid);
}

// Where a driver of Dom0's kernel says what is wrong.
std::string errors_of(std::uint16_t domid) {
    return fmt::format("{}/error/backend/vbd/{}", domain_path(0), domid);
}

std::string frontends_of(std::uint16_t domid) {
    return domain_path(domid) + "/device/vbd";
}

}  // namespace

std::optional<dev_t> parse_physical_device(const std::string& text) {
    unsigned device_major = 0;
    unsigned device_minor = 0;
    if (std::sscanf(text.c_str(), "%x:%x", &device_major, &device_minor) != 2) return std::nullopt;
    return makedev(device_major, device_minor);
}

std::string Vbds::backend(std::uint32_t number) const {
    return fmt::format("{}/{}", backends_of(domid_), number);
}

std::string Vbds::frontend(std::uint32_t number) const {
    return fmt::format("{}/{}", frontends_of(domid_), number);
}

Result<void> Vbds::add(const std::vector<Entry>& entries) {
    const store::DomainId guest{domid_};
    const Permissions ours{{store::kDom0, Access::None}, {guest, Access::Read}};
    const Permissions theirs{{guest, Access::None}};
    return write_together(store_, [&](StoreWriter& writer) {
        writer.directory(frontends_of(domid_), ours);
        for (const auto& [disk, device] : entries) {
            const auto target = config::parse_disk_target(disk->target);
            if (!target) continue;  // no definition has one that cannot be parsed
            const std::uint32_t number = target->number();
            const char* kind = disk->cdrom ? "cdrom" : "disk";

            const std::string front = frontend(number);
            writer.directory(front, theirs);
            writer.write(front + "/backend", backend(number), theirs);
            writer.write(front + "/backend-id", "0", theirs);
            writer.write(front + "/virtual-device", fmt::format("{}", number), theirs);
            writer.write(front + "/device-type", kind, theirs);
            writer.write(front + "/state", state_text(BusState::Initialising), theirs);

            const std::string back = backend(number);
            writer.directory(back, ours);
            writer.write(back + "/frontend", front, ours);
            writer.write(back + "/frontend-id", fmt::format("{}", domid_), ours);
            writer.write(back + "/online", "1", ours);
            writer.write(back + "/removable", disk->cdrom ? "1" : "0", ours);
            writer.write(back + "/bootable", "1", ours);
            writer.write(back + "/dev", disk->target, ours);
            writer.write(back + "/type", "phy", ours);
            writer.write(back + "/mode", disk->read_only ? "r" : "w", ours);
            writer.write(back + "/device-type", kind, ours);
            writer.write(back + "/discard-enable", disk->read_only ? "0" : "1", ours);
            writer.write(back + "/physical-device", fmt::format("{:x}:{:x}", major(device), minor(device)), ours);
            writer.write(back + "/state", state_text(BusState::Initialising), ours);
        }
    });
}

void Vbds::remove(std::uint32_t number) {
    (void)store_.remove(backend(number));
    (void)store_.remove(frontend(number));
    (void)store_.remove(fmt::format("{}/{}", errors_of(domid_), number));
}

void Vbds::remove_all() {
    (void)store_.remove(frontends_of(domid_));
    remove_backends(store_, domid_);
}

void Vbds::remove_backends(store::Store& store, std::uint16_t domid) {
    (void)store.remove(backends_of(domid));
    (void)store.remove(errors_of(domid));
}

std::optional<BusState> Vbds::state(std::uint32_t number) const {
    const auto text = store_.read(backend(number) + "/state");
    if (!text) return std::nullopt;
    const auto state = config::parse_number(*text, 0, static_cast<std::uint64_t>(BusState::Closed));
    return state ? static_cast<BusState>(*state) : BusState::Unknown;
}

dev_t Vbds::device(std::uint32_t number) const {
    return parse_physical_device(store_.read(backend(number) + "/physical-device").value_or("")).value_or(0);
}

std::string Vbds::trouble(std::uint32_t number) const {
    constexpr std::size_t kLongest = 200;
    std::string text = store_.read(fmt::format("{}/{}/error", errors_of(domid_), number)).value_or("");
    text.resize(std::min(text.size(), kLongest));
    std::ranges::replace_if(
        text, [](char c) { return c < ' ' || c > '~'; }, '?');
    return text;
}

Result<void> Vbds::close(std::uint32_t number) {
    return write_together(store_, [&](StoreWriter& writer) {
        const Permissions ours{{store::kDom0, Access::None}, {store::DomainId{domid_}, Access::Read}};
        writer.write(backend(number) + "/online", "0", ours);
        writer.write(backend(number) + "/state", state_text(BusState::Closing), ours);
    });
}

bool Vbds::is_closing(std::uint32_t number) const {
    return store_.read(backend(number) + "/online").value_or("1") == "0";
}

void Vbds::keep_open(std::uint32_t number) {
    const auto guest = store_.read(frontend(number) + "/state");
    if (state(number) != BusState::Closing || !guest || (*guest != "1" && *guest != "3" && *guest != "4")) return;
    // Neither driver has noticed: to the backend its state is what it set itself.
    (void)write_together(store_, [&](StoreWriter& writer) {
        const Permissions ours{{store::kDom0, Access::None}, {store::DomainId{domid_}, Access::Read}};
        writer.write(backend(number) + "/online", "1", ours);
        writer.write(backend(number) + "/state", state_text(*guest == "4" ? BusState::Connected : BusState::InitWait),
                     ours);
    });
}

}  // namespace hvctld
