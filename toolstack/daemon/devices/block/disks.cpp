#include "devices/block/disks.hpp"

#include <fmt/format.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "base/log.hpp"
#include "config/disk_target.hpp"
#include "devices/looking.hpp"
#include "hvctl/try.hpp"

namespace hvctld {
namespace {

std::uint32_t number_of_target(const std::string& text) {
    const auto target = config::parse_disk_target(text);
    return target ? target->number() : 0;
}

std::uint32_t number_of(const config::DiskDefinition& disk) {
    return number_of_target(disk.target);
}

}  // namespace

std::string Disks::name_of(const config::DiskDefinition& disk) const {
    return fmt::format("{}: disk {}", domain_.record.name, disk.target);
}

Step Disks::prepare(bool anew) {
    return [this, anew](Job& job, const Done& done) { prepare_from(0, anew, job, done); };
}

void Disks::prepare_from(std::size_t index, bool anew, Job& job, const Done& done) {
    if (index == domain_.definition.disks.size()) return done({});
    prepare_one(domain_.definition.disks[index], anew)(job,
                                                       [this, index, anew, &job, done](const Result<void>& prepared) {
                                                           if (!prepared) return done(prepared);
                                                           prepare_from(index + 1, anew, job, done);
                                                       });
}

Step Disks::prepare_one(const config::DiskDefinition& disk, bool anew) {
    return [this, disk, anew](Job& job, const Done& done) {
        const auto image = std::make_shared<std::optional<Image>>();
        const auto open = [disk, anew, image]() -> Result<void> {
            image->emplace(TRY(open_image(disk, anew || disk.format != "raw")));
            return {};
        };
        context_.looks.step_apart(open)(job, once([this, &job, disk, image, done](const Result<void>& opened) {
                                            if (!opened) return done(refusal(job, disk, opened.error()));
                                            attach(job, disk, std::move(**image), done);
                                        }));
    };
}

std::unexpected<Error> Disks::refusal(const Job& job, const config::DiskDefinition& disk, const Error& error) const {
    const std::string& name = domain_.record.name;
    if (job.record().verb != Verb::Start || error.id() != ErrorId::FileMissing)
        return std::unexpected(error.within(name));
    return fail(error.id(), fmt::format("{0}: {1}; 'hvctl block-detach {0} {2}' has it start without", name,
                                        error.message(), disk.target));
}

void Disks::attach(Job& job, const config::DiskDefinition& disk, Image image, const Done& done) {
    if (const auto taken = context_.claims.take(domain_.record.name, disk, image.id); !taken) {
        drop({std::move(image.file)});
        return done(within(domain_.record.name, Result<void>{taken}));
    }
    const auto backing = std::make_shared<Backing>();
    const auto work = [blocks = context_.blocks, disk, image = std::make_shared<Image>(std::move(image)),
                       backing]() -> Result<void> {
        *backing = TRY(blocks->attach(std::move(*image), disk));
        return {};
    };
    context_.looks.step_apart(work)(job, once([this, disk, backing, done](const Result<void>& attached) {
                                        if (attached) backings_[disk.target] = std::move(*backing);
                                        done(within(domain_.record.name, Result<void>{attached}));
                                    }));
}

Phase Disks::publish() {
    return {JobPhase::Disks, 93, [this](Job& job, const Done& done) {
                const auto& disks = domain_.definition.disks;
                if (disks.empty()) return done({});
                if (const auto connected = connect(disks); !connected) return done(connected);
                wait_served(disks)(job, [this, disks, done](const Result<void>& served) {
                    // A guest that is not whole is not taken up again, and takes all of them with it.
                    if (served) std::ranges::for_each(disks, [this](const auto& disk) { settle(disk); });
                    done(served);
                });
            }};
}

Step Disks::connect_one(const config::DiskDefinition& disk) {
    return [this, disk](Job& job, const Done& done) {
        if (const auto connected = connect({disk}); !connected) return done(connected);
        wait_served({disk})(job, done);
    };
}

Result<void> Disks::connect(const std::vector<config::DiskDefinition>& disks) {
    std::vector<BusDevices::Entry> entries;
    for (const config::DiskDefinition& disk : disks) {
        context_.claims.keep(domain_.record.name, domain_.record.instance.domid, disk.target, ClaimState::Coming);
        entries.push_back(vbd_entry(disk, backings_[disk.target].device));
    }
    return within(domain_.record.name, vbds().add(entries));
}

void Disks::settle(const config::DiskDefinition& disk) {
    context_.claims.keep(domain_.record.name, domain_.record.instance.domid, disk.target, ClaimState::There);
}

// Closing may wait for the disk.
void Disks::drop(Backing backing) {
    if (!backing.file) return;
    context_.loop.apart(
        [closing = std::make_shared<Backing>(std::move(backing))]() -> Result<void> {
            closing->file = {};
            return {};
        },
        [](const Result<void>&) {});
}

Step Disks::wait_served(const std::vector<config::DiskDefinition>& disks) {
    const auto served = [this, disks]() -> Result<bool> {
        for (const config::DiskDefinition& disk : disks) {
            if (!TRY(is_served(disk))) return false;
        }
        return true;
    };
    const auto wait = look_until(served, kKernelPatienceMs, [this] {
        return Error{ErrorId::BackendFailed,
                     fmt::format("{}: Dom0's kernel does not take up its disks; is its module xen-blkback there "
                                 "('modprobe xen-blkback')? 'journalctl -k' may tell more",
                                 domain_.record.name)};
    });
    return [this, disks, wait](Job& job, const Done& done) {
        wait(job, [this, disks, done](const Result<void>& is_served) {
            // Dom0's kernel has it now, and keeps it over a kill of this process.
            for (const config::DiskDefinition& disk : disks) {
                const auto backing = backings_.find(disk.target);
                if (!is_served || backing == backings_.end() || backing->second.lasts) continue;
                drop(std::move(backing->second));
                backings_.erase(backing);
            }
            done(is_served);
        });
    };
}

Result<bool> Disks::is_served(const config::DiskDefinition& disk) {
    const std::uint32_t number = number_of(disk);
    const auto state = vbds().state(number);
    const std::string trouble = vbds().trouble(number);
    const bool serves = context_.blocks->serves(domain_.id(), number).has_value();
    if (serves && state && *state >= BusState::InitWait && *state <= BusState::Connected) return true;
    if (!trouble.empty() || !state || *state == BusState::Closing || *state == BusState::Closed) {
        return fail(ErrorId::BackendFailed,
                    fmt::format("{}: {}: Dom0's kernel does not serve it{}{}; 'journalctl -k' may tell more",
                                name_of(disk), disk.path, trouble.empty() ? "" : ": ", trouble));
    }
    return false;
}

void Disks::abandoned() {
    for (auto& [target, backing] : backings_) drop(std::move(backing));
    backings_.clear();
}

void Disks::unplug() {
    if (domain_.record.instance.domid != 0) vbds().remove_all();
    abandoned();
}

// Before, requests that it had made may still be on their way to the disk.
void Disks::freed() {
    context_.claims.release(domain_.record.name, domain_.record.instance.domid);
    space_hold_.end();
}

// The store knows more of the guest's disks than its definition, which may be lost. What was about to come goes, and so
// does what was about to go; a guest that was only asked for a disk keeps it.
Result<void> Disks::recover() {
    const std::uint16_t domid = domain_.record.instance.domid;
    space_hold_.recover();
    for (const ImageClaim& claim : context_.claims.of(domid)) recover_one(claim);
    for (const config::DiskDefinition& disk : domain_.definition.disks) {
        find_again(disk);
    }
    return {};
}

void Disks::recover_one(const ImageClaim& claim) {
    auto& disks = domain_.definition.disks;
    const std::uint32_t number = number_of(claim.disk);
    const auto same = [&](const config::DiskDefinition& disk) { return disk.target == claim.disk.target; };
    const bool known = std::ranges::any_of(disks, same);
    // The guest has let go of it as it was asked: to take it away was all that was left.
    const bool let_go = vbds().state(number) == BusState::Closed && vbds().read(number, "online") == "0";
    if (claim.state == ClaimState::There && !let_go) {
        vbds().keep_open(number);
        if (known) return;
        disks.push_back(claim.disk);
    } else {
        const dev_t device = vbd_device(vbds(), number);
        vbds().remove(number);
        release_when_free(claim.disk.target, number, device);
        if (!known) return;
        std::erase_if(disks, same);
    }
    domain_.record.definition = normalised(domain_.definition);
    (void)context_.registry.save(domain_.record);
}

// What Dom0 is kept off it by is gone with the process before this one; and its claim with the store's journal, if that
// was lost.
void Disks::find_again(const config::DiskDefinition& disk) {
    const auto device = context_.blocks->serves(domain_.id(), number_of(disk));
    if (!device) return;
    const auto found = std::make_shared<std::pair<ImageId, Backing>>();
    context_.looks.run_apart(
        context_.loop,
        [blocks = context_.blocks, disk, device = *device, found]() -> Result<void> {
            *found = TRY(blocks->find_again(disk, device));
            return {};
        },
        [weak = std::weak_ptr{alive_}, disk, found, domid = domain_.record.instance.domid](const Result<void>& looked) {
            const auto self = weak.lock();
            if (!self) return;
            Disks& disks = **self;
            if (disks.domain_.record.instance.domid != domid) return disks.drop(std::move(found->second));
            if (!looked) return log::error("{}: {}", disks.name_of(disk), looked.error().text());
            // It may have been taken away meanwhile.
            const auto& present = disks.domain_.definition.disks;
            if (std::ranges::find(present, disk.target, &config::DiskDefinition::target) == present.end())
                return disks.drop(std::move(found->second));
            if (!disks.context_.claims.has(domid, disk.target))
                disks.context_.claims.note({disks.domain_.record.name, domid, disk, found->first, ClaimState::There});
            if (found->second.file) disks.backings_[disk.target] = std::move(found->second);
        });
}

void Disks::release_when_free(const std::string& target, std::uint32_t number, dev_t device) {
    constexpr std::uint64_t kPauseMs = 100;
    const std::uint16_t domid = domain_.record.instance.domid;
    if (context_.blocks->has_let_go(domain_.id(), number, device)) return context_.claims.release(domid, target);
    const auto timer = std::make_shared<Timer>(context_.loop);
    timer->start(kPauseMs, [weak = std::weak_ptr{alive_}, timer, target, number, device, domid] {
        const auto self = weak.lock();
        // With the run the claim is released, too.
        if (!self || (*self)->domain_.record.instance.domid != domid) return;
        (*self)->release_when_free(target, number, device);
    });
}

Step Disks::wait_connected(const config::DiskDefinition& disk) {
    const auto connected = [this, disk]() -> Result<bool> {
        if (!TRY(is_served(disk))) return false;
        return vbds().state(number_of(disk)) == BusState::Connected;
    };
    return look_until(connected, kGuestPatienceMs, [this, disk] {
        return Error{
            ErrorId::GuestSilent,
            fmt::format("{}: the guest has not taken it within {} s: it has no driver for it (xen-blkfront), or hangs; "
                        "see to that, and attach the disk again",
                        name_of(disk), kGuestPatienceMs / 1000)};
    });
}

Step Disks::wait_closed(const config::DiskDefinition& disk) {
    const auto closed = [this, disk]() -> Result<bool> {
        const auto state = vbds().state(number_of(disk));
        return !state || *state == BusState::Closed || !context_.blocks->serves(domain_.id(), number_of(disk));
    };
    const auto wait = look_until(closed, kGuestPatienceMs, [this, disk] {
        return Error{ErrorId::GuestSilent,
                     fmt::format("{0}: the guest has been asked for it and has not let go of it within {1} s: it still "
                                 "uses it, or does not run; with --force it is taken away all the same",
                                 name_of(disk), kGuestPatienceMs / 1000)};
    });
    return [this, disk, wait](Job& job, const Done& done) {
        if (const auto asked = vbds().close(number_of(disk)); !asked) return done(asked);
        wait(job, done);
    };
}

void Disks::keep_open(const config::DiskDefinition& disk) {
    vbds().keep_open(number_of(disk));
}

Step Disks::take_away(const config::DiskDefinition& disk) {
    return [this, disk](Job& job, const Done& done) {
        const std::uint16_t domid = domain_.record.instance.domid;
        const std::uint32_t number = number_of(disk);
        const dev_t device = vbd_device(vbds(), number);
        context_.claims.keep(domain_.record.name, domid, disk.target, ClaimState::Going);
        vbds().remove(number);
        if (const auto backing = backings_.extract(disk.target)) drop(std::move(backing.mapped()));
        const auto gone = [this, number, device]() -> Result<bool> {
            return context_.blocks->has_let_go(domain_.id(), number, device);
        };
        const auto excuse = [this, disk] {
            return Error{ErrorId::BackendFailed,
                         fmt::format("{}: Dom0's kernel does not let go of {}: requests to it hang in its disk. "
                                     "It is given to no other disk before they have ended",
                                     name_of(disk), disk.path)};
        };
        look_until(gone, kKernelPatienceMs, excuse)(
            job, [this, disk, domid, number, device, done](const Result<void>& let_go) {
                if (let_go) {
                    context_.claims.release(domid, disk.target);
                } else {
                    release_when_free(disk.target, number, device);
                }
                done(let_go);
            });
    };
}

Step Disks::take_all_away() {
    return [this](Job& job, const Done& done) {
        std::map<std::uint32_t, dev_t> devices;
        for (const std::uint32_t number : vbds().numbers()) devices[number] = vbd_device(vbds(), number);
        unplug();
        const auto gone = [this, devices, domid = domain_.id()]() -> Result<bool> {
            return std::ranges::all_of(
                devices, [&](const auto& one) { return context_.blocks->has_let_go(domid, one.first, one.second); });
        };
        look_until(gone, kKernelPatienceMs, [this] {
            return Error{ErrorId::BackendFailed,
                         fmt::format("{}: Dom0's kernel does not let go of its disks: requests to them hang",
                                     domain_.record.name)};
        })(job, done);
    };
}

bool Disks::has(const std::string& target) const {
    return context_.claims.has(domain_.record.instance.domid, target) || vbds().state(number_of_target(target));
}

std::string Disks::state_of(std::uint32_t number) const {
    if (!domain_.in_hv()) return "offline";
    const auto state = vbds().state(number);
    if (!state) return "offline";
    const bool served = context_.blocks->serves(domain_.id(), number).has_value();
    if (served && *state == BusState::Connected) return "connected";
    if (!vbds().trouble(number).empty()) return "failed";
    // The guest has thrown its end away, and the backend is gone with it.
    if (!served && *state >= BusState::InitWait) return "closed";
    return word_of(*state);
}

Step Disks::grow_one(const config::DiskDefinition& disk, std::uint64_t bytes) {
    return [this, disk, bytes](Job& job, const Done& done) {
        const auto work = [blocks = context_.blocks, disk, bytes, device = vbd_device(vbds(), number_of(disk))] {
            return blocks->grow(disk, device, bytes);
        };
        context_.looks.step_apart(work)(job, once([name = domain_.record.name, done](const Result<void>& grown) {
                                            done(within(name, Result<void>{grown}));
                                        }));
    };
}

std::map<std::string, DiskCounters> Disks::counters() const {
    std::map<std::string, DiskCounters> all;
    if (!domain_.in_hv()) return all;
    for (const config::DiskDefinition& disk : domain_.definition.disks) {
        if (const auto of_one = context_.blocks->counters(domain_.id(), number_of(disk))) all[disk.target] = *of_one;
    }
    return all;
}

std::map<std::uint32_t, dev_t> Disks::served() const {
    std::map<std::uint32_t, dev_t> all;
    for (const std::uint32_t number : vbds().numbers()) {
        if (const dev_t device = vbd_device(vbds(), number); device != 0) all[number] = device;
    }
    return all;
}

std::vector<DiskView> Disks::list() const {
    std::vector<DiskView> views;
    for (const config::DiskDefinition& disk : domain_.definition.disks) {
        const std::uint32_t number = number_of(disk);
        const auto device = domain_.in_hv() ? context_.blocks->serves(domain_.id(), number) : std::nullopt;
        views.push_back({disk.target, number, disk.path, disk.volume, disk.format, disk.read_only, disk.cdrom,
                         disk.shared, disk.on_full == config::OnFull::Error, state_of(number),
                         device ? fmt::format("{}:{}", major(*device), minor(*device)) : ""});
    }
    return views;
}

}  // namespace hvctld
