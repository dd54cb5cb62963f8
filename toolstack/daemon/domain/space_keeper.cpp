#include "domain/space_keeper.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "devices/block/disks.hpp"

namespace hvctld {
namespace {

constexpr std::uint64_t kRoundMs = 1000;  // at the latest: guests and disks come and go

std::uint64_t clock_ms() {
    return monotonic_us() / 1000;
}

// A disk on a block device takes no room of a file system. Whether a file grows is found out by the look at it.
bool may_wait_for(const ImageClaim& claim) {
    return claim.id.file && !claim.disk.read_only && claim.disk.on_full == config::OnFull::Pause;
}

bool runs_in_hv(const Domain& domain) {
    return domain.in_hv() && runs(domain.record.phase);
}

}  // namespace

// What a thread that may be left behind has found.
struct SpaceKeeper::Look {
    Result<FileSystemRoom> room{FileSystemRoom{}};
    std::uint64_t at_ms = 0;
};

void SpaceKeeper::begin() {
    timer_.start(0, [this] { round(); });
}

void SpaceKeeper::round() {
    const auto there = images();
    std::erase_if(watched_, [&](const auto& one) { return !one.second.looking && !there.contains(one.first); });
    for (const auto& [file_system, files] : there) {
        const Watched& watched = watched_[file_system];
        if (!watched.looking && clock_ms() >= watched.due_ms) look(file_system, files);
    }
    keep();
    again();
}

void SpaceKeeper::again() {
    const std::uint64_t now = clock_ms();
    std::uint64_t next = now + kRoundMs;
    for (const auto& [file_system, watched] : watched_) {
        if (!watched.looking) next = std::min(next, std::max(watched.due_ms, now));
    }
    timer_.start(next - now, [this] { round(); });
}

std::map<SpaceKeeper::FileSystem, std::vector<ImageFile>> SpaceKeeper::images() {
    std::map<FileSystem, std::vector<ImageFile>> all;
    for (const Domain* domain : domains_.all()) {
        if (!runs_in_hv(*domain)) continue;
        for (const ImageClaim& claim : context_.claims.of(domain->id().raw)) {
            if (may_wait_for(claim))
                all[claim.id.device].push_back({claim.id, claim.disk.path, claim.disk.format == "raw"});
        }
    }
    return all;
}

// In no lane: one that is full of threads which wait for dead disks would keep the others from being looked at.
void SpaceKeeper::look(FileSystem file_system, const std::vector<ImageFile>& images) {
    watched_[file_system].looking = true;
    const auto look = std::make_shared<Look>();
    context_.loop.apart(
        [blocks = context_.blocks, images, look]() -> Result<void> {
            look->room = blocks->room_for(images);
            look->at_ms = clock_ms();
            return {};
        },
        [this, file_system, look, weak = std::weak_ptr{context_.alive}](const Result<void>& ran) {
            if (weak.expired()) return;
            if (!ran) look->room = std::unexpected(ran.error());
            looked(file_system, *look);
        });
}

void SpaceKeeper::looked(FileSystem file_system, const Look& look) {
    Watched& watched = watched_[file_system];
    watched.looking = false;
    watched.due_ms = clock_ms() + kRoundMs;
    if (look.room) {
        watched.in_trouble = false;
        take_in(watched, *look.room, look.at_ms);
    } else if (!std::exchange(watched.in_trouble, true)) {
        // What was known of it stays: a guest neither stops nor goes on for want of an answer.
        log::error("room for images of guests: {}; when it ends is not known", look.room.error().text());
    }
    keep();
    again();
}

void SpaceKeeper::take_in(Watched& watched, const FileSystemRoom& room, std::uint64_t at_ms) {
    if (!room.lost.empty() && (!watched.room || watched.room->lost != room.lost)) {
        log::warning(
            "{}: not the images any more that guests have; guests that write to those get errors when their file "
            "system is full, until the images have their names again",
            fmt::join(room.lost, ", "));
    }
    if (!watched.room && is_waited_for(room.mounted_on)) watched.gauge.begin_full();
    watched.room = room;
    if (room.mounted_on.empty()) return;
    watched.gauge.look(at_ms, room.bytes, room.free);
    watched.due_ms = at_ms + watched.gauge.pause_ms();
}

void SpaceKeeper::keep() {
    const bool any_full = std::ranges::any_of(watched_, [](const auto& one) { return one.second.gauge.full(); });
    for (const Domain* domain : domains_.all()) {
        if (!runs_in_hv(*domain)) continue;
        const bool held = domain->disks->space_hold().wait().has_value();
        if (!any_full && !held) continue;
        const Verdict verdict = work_.host_end() == 0 ? judge(*domain) : Verdict{};
        if (verdict.wait) {
            hold(*domain, *verdict.wait);
        } else if (held && (verdict.known || has_room(domain->disks->space_hold().wait()->file_system))) {
            let_go(*domain);
        }
    }
}

bool SpaceKeeper::is_waited_for(const std::string& file_system) const {
    return std::ranges::any_of(domains_.all(), [&](const Domain* domain) {
        if (!runs_in_hv(*domain)) return false;
        const auto wait = domain->disks->space_hold().wait();
        return wait && wait->file_system == file_system;
    });
}

// Asked of the one that a guest waits for: whatever the others say that do not answer.
bool SpaceKeeper::has_room(const std::string& file_system) const {
    return std::ranges::any_of(watched_, [&](const auto& one) {
        const Watched& watched = one.second;
        return watched.room && watched.room->mounted_on == file_system && !watched.gauge.full();
    });
}

SpaceKeeper::Verdict SpaceKeeper::judge(const Domain& domain) const {
    Verdict verdict;
    for (const ImageClaim& claim : context_.claims.of(domain.id().raw)) {
        if (!may_wait_for(claim)) continue;
        const auto found = watched_.find(claim.id.device);
        if (found == watched_.end() || !found->second.room) {
            verdict.known = false;
            continue;
        }
        const SpaceGauge& gauge = found->second.gauge;
        const FileSystemRoom& room = *found->second.room;
        if (!gauge.full() || std::ranges::find(room.growing, claim.id) == room.growing.end()) continue;
        verdict.wait = SpaceHold::Wait{room.mounted_on, gauge.free(), gauge.enough(), false};
        return verdict;
    }
    return verdict;
}

bool SpaceKeeper::may_stop(const Domain& domain) const {
    const Job* job = context_.jobs.find(domain.job);
    // Its memory is written to a file: it stands still for that, too, and is not let go afterwards.
    if (job != nullptr && job->record().verb == Verb::DumpCore) return true;
    return work_.admit(domain, Verb::Pause).has_value();
}

void SpaceKeeper::hold(const Domain& domain, const SpaceHold::Wait& wait) {
    constexpr std::uint32_t kDoesNotWrite = abi::kDomainShutdown | abi::kDomainDying | abi::kDomainUnstarted;
    SpaceHold& hold = domain.disks->space_hold();
    hold.update(wait);
    const auto info = context_.hypervisor.domain(domain.id());
    // One that is paused, and not by this, is an administrator's to let go.
    if (!info || (info->flags & (kDoesNotWrite | abi::kDomainPaused)) != 0 || !may_stop(domain)) return;
    const bool fresh = !hold.wait();
    if (fresh) hold.begin(wait);
    if (const auto paused = context_.hypervisor.pause_domain(domain.id()); !paused) {
        log::error("{}: cannot be paused for want of space: {}", domain.record.name, paused.error().what());
        if (fresh) hold.end();
        return;
    }
    if (fresh) {
        log::write(
            log::Level::Warning, {domain.record.name, 0, {}},
            fmt::format("is paused because a disk of it cannot grow: {}; it goes on by itself when there is room",
                        wait.text()));
    }
    domains_.changed(domain);
}

// The mark goes last: a process that is killed in between leaves a guest that is let go once more.
void SpaceKeeper::let_go(const Domain& domain) {
    // Its job is looked at again when it is over.
    if (!work_.admit(domain, Verb::Unpause)) return;
    SpaceHold& hold = domain.disks->space_hold();
    const bool stays = hold.wait()->paused;
    if (!stays) {
        if (const auto going = context_.hypervisor.unpause_domain(domain.id()); !going) {
            log::error("{}: cannot be set going again: {}", domain.record.name, going.error().what());
            return;
        }
    }
    log::write(log::Level::Info, {domain.record.name, 0, {}},
               fmt::format("{} has room again: {}", hold.wait()->file_system,
                           stays ? "it stays paused, as an administrator has it" : "it goes on"));
    hold.end();
    domains_.changed(domain);
}

}  // namespace hvctld
