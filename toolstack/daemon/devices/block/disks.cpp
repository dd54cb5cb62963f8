#include "devices/block/disks.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "base/log.hpp"
#include "config/disk_target.hpp"
#include "hvctl/try.hpp"

namespace hvctld {
namespace {

constexpr std::uint64_t kKernelPatienceMs = 30'000;  // Dom0's kernel opens a device, which may have to spin up
constexpr std::uint64_t kGuestPatienceMs = 10'000;
constexpr std::uint64_t kFirstLookMs = 1;
constexpr std::uint64_t kLongestPauseMs = 50;

// `done` for a step that may be called off: what it waited for may come all the same, when nothing here is there any
// more.
Done once(Done done) {
    return [done = std::make_shared<Done>(std::move(done))](Result<void> result) {
        if (const auto first = std::exchange(*done, nullptr)) first(std::move(result));
    };
}

// What a step looks for, again and again.
struct Looking {
    Looking(Loop& the_loop, std::function<Result<bool>()> the_look, std::function<Error()> the_excuse, Done the_done,
            std::uint64_t patience_ms)
        : loop{the_loop},
          timer{the_loop},
          look{std::move(the_look)},
          excuse{std::move(the_excuse)},
          done{std::move(the_done)},
          until_ms{the_loop.now_ms() + patience_ms} {}

    Loop& loop;
    Timer timer;
    const std::function<Result<bool>()> look;
    const std::function<Error()> excuse;
    const Done done;
    const std::uint64_t until_ms;
    std::uint64_t pause_ms = kFirstLookMs;
};

void look_on(const std::shared_ptr<Looking>& looking) {
    const auto seen = looking->look();
    if (!seen) return looking->done(std::unexpected(seen.error()));
    if (*seen) return looking->done({});
    if (looking->loop.now_ms() >= looking->until_ms) return looking->done(std::unexpected(looking->excuse()));
    looking->timer.start(looking->pause_ms, [looking] { look_on(looking); });
    looking->pause_ms = std::min(looking->pause_ms * 2, kLongestPauseMs);
}

// Until `look` says true or an error, more and more seldom; `excuse` is the error when `patience_ms` are over.
Step look_until(std::function<Result<bool>()> look, std::uint64_t patience_ms, std::function<Error()> excuse) {
    return [look = std::move(look), patience_ms, excuse = std::move(excuse)](Job& job, const Done& done) {
        const auto looking = std::make_shared<Looking>(job.loop(), look, excuse, done, patience_ms);
        job.on_interrupt([looking](Error& why) {
            looking->timer.stop();
            looking->done(std::unexpected(why));
        });
        look_on(looking);
    };
}

std::uint32_t number_of(const config::DiskDefinition& disk) {
    const auto target = config::parse_disk_target(disk.target);
    return target ? target->number() : 0;
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
            image->emplace(TRY(open_image(disk, anew)));
            return {};
        };
        context_.looks.step_apart(open)(job, once([this, &job, disk, image, done](const Result<void>& opened) {
                                            if (!opened) return done(within(domain_.record.name, Result<void>{opened}));
                                            attach(job, disk, std::move(**image), done);
                                        }));
    };
}

void Disks::attach(Job& job, const config::DiskDefinition& disk, Image image, const Done& done) {
    if (const auto taken = context_.claims.take(domain_.record.name, disk, image.id); !taken)
        return done(within(domain_.record.name, Result<void>{taken}));
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
                wait_served(disks)(job, done);
            }};
}

Step Disks::connect_one(const config::DiskDefinition& disk) {
    return [this, disk](Job& job, const Done& done) {
        if (const auto connected = connect({disk}); !connected) return done(connected);
        wait_served({disk})(job, done);
    };
}

Result<void> Disks::connect(const std::vector<config::DiskDefinition>& disks) {
    std::vector<Vbds::Entry> entries;
    for (const config::DiskDefinition& disk : disks) {
        context_.claims.keep(domain_.record.name, disk.target, domain_.record.instance.domid);
        entries.push_back({&disk, backings_[disk.target].device});
    }
    return within(domain_.record.name, vbds().add(entries));
}

Step Disks::wait_served(const std::vector<config::DiskDefinition>& disks) {
    const auto served = [this, disks]() -> Result<bool> {
        for (const config::DiskDefinition& disk : disks) {
            if (!TRY(is_served(disk))) return false;
        }
        return true;
    };
    return look_until(served, kKernelPatienceMs, [this] {
        return Error{ErrorId::BackendFailed,
                     fmt::format("{}: Dom0's kernel does not take up its disks; is its module xen-blkback there "
                                 "('modprobe xen-blkback')? 'journalctl -k' may tell more",
                                 domain_.record.name)};
    });
}

Result<bool> Disks::is_served(const config::DiskDefinition& disk) {
    const std::uint32_t number = number_of(disk);
    const auto state = vbds().state(number);
    const std::string trouble = vbds().trouble(number);
    if (!trouble.empty() || !state || *state == BusState::Closing || *state == BusState::Closed) {
        return fail(ErrorId::BackendFailed, fmt::format("{}: {}: Dom0's kernel does not serve it{}{}", name_of(disk),
                                                        disk.path, trouble.empty() ? "" : ": ", trouble));
    }
    return *state >= BusState::InitWait && context_.blocks->serves(domain_.id(), number);
}

void Disks::abandoned() {
    backings_.clear();
}

void Disks::unplug() {
    if (domain_.record.instance.domid != 0) vbds().remove_all();
    backings_.clear();
}

// Before, requests that it had made may still be on their way to the disk.
void Disks::freed() {
    context_.claims.release(domain_.record.name);
}

// What is not in the definition was about to come, what is closing about to go.
Result<void> Disks::recover() {
    Vbds present = vbds();
    std::vector<std::uint32_t> left = present.numbers();
    auto& disks = domain_.definition.disks;
    const std::size_t before = disks.size();
    std::erase_if(disks, [&](const config::DiskDefinition& disk) {
        const std::uint32_t number = number_of(disk);
        if (std::erase(left, number) == 0) {
            log::error("{}: the store does not know it any more; it is served again when the guest has restarted",
                       name_of(disk));
            return false;
        }
        if (!present.is_closing(number)) return false;
        present.remove(number);
        context_.claims.release(domain_.record.name, disk.target);
        return true;
    });
    for (const std::uint32_t number : left) {
        const std::string target = present.target(number);
        present.remove(number);
        context_.claims.release(domain_.record.name, target);
    }
    if (disks.size() != before) {
        domain_.record.definition = normalised(domain_.definition);
        (void)context_.registry.save(domain_.record);
    }
    return {};
}

Step Disks::wait_connected(const config::DiskDefinition& disk) {
    const auto connected = [this, disk]() -> Result<bool> {
        if (!TRY(is_served(disk))) return false;
        return vbds().state(number_of(disk)) == BusState::Connected;
    };
    return look_until(connected, kGuestPatienceMs, [this, disk] {
        return Error{ErrorId::GuestSilent,
                     fmt::format("{}: the guest has not taken it within {} s: it has no driver for it, or does not run",
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

Step Disks::take_away(const config::DiskDefinition& disk) {
    const auto gone = [this, disk]() -> Result<bool> {
        return !context_.blocks->serves(domain_.id(), number_of(disk));
    };
    const auto wait = look_until(gone, kKernelPatienceMs, [this, disk] {
        return Error{ErrorId::BackendFailed, fmt::format("{}: Dom0's kernel does not let go of {}; requests to it may "
                                                         "hang in its disk",
                                                         name_of(disk), disk.path)};
    });
    return [this, disk, wait](Job& job, const Done& done) {
        vbds().remove(number_of(disk));
        backings_.erase(disk.target);
        wait(job, [this, disk, done](const Result<void>& let_go) {
            if (let_go) context_.claims.release(domain_.record.name, disk.target);
            done(let_go);
        });
    };
}

std::string Disks::state_of(std::uint32_t number) const {
    if (!domain_.in_hv()) return "offline";
    const auto state = vbds().state(number);
    if (!state) return "offline";
    if (!vbds().trouble(number).empty()) return "failed";
    switch (*state) {
        case BusState::Unknown:
        case BusState::Initialising: return "starting";
        case BusState::InitWait:
        case BusState::Initialised: return "waiting";
        case BusState::Connected: return "connected";
        case BusState::Closing: return "closing";
        case BusState::Closed: return "closed";
    }
    return "starting";
}

std::vector<DiskView> Disks::list() const {
    std::vector<DiskView> views;
    for (const config::DiskDefinition& disk : domain_.definition.disks) {
        const std::uint32_t number = number_of(disk);
        views.push_back({disk.target, number, disk.path, disk.format, disk.read_only, disk.cdrom, disk.shared,
                         state_of(number), domain_.in_hv() ? vbds().device(number) : ""});
    }
    return views;
}

}  // namespace hvctld
