#include "devices/cloud_init/seed.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "base/files.hpp"
#include "config/devices.hpp"
#include "config/disk_target.hpp"
#include "devices/cloud_init/seed_files.hpp"
#include "devices/looking.hpp"
#include "hvctl/try.hpp"

namespace hvctld {
namespace {

constexpr std::size_t kMostUserData = 1 << 20;

}  // namespace

std::string Seed::path() const {
    return seed_path(context_.paths.seeds, domain_.record.uuid);
}

Step Seed::prepare(bool) {
    return [this](Job& job, const Done& done) {
        // The one of the run before.
        std::erase_if(domain_.definition.disks,
                      [&](const auto& disk) { return disk.path.starts_with(context_.paths.seeds + "/"); });
        if (!domain_.definition.cloud_init) return done({});
        if (const auto added = add_disk(); !added) return done(added);
        const auto user_data = std::make_shared<std::string>();
        const auto read = [path = domain_.definition.cloud_init->user_data, user_data]() -> Result<void> {
            if (path.empty()) return {};
            *user_data = TRY(within("cloud_init: user_data", read_text_file(path, kMostUserData)));
            return {};
        };
        const auto write = [definition = domain_.definition, networks = context_.networks,
                            folder = context_.paths.seeds, path = path(), user_data]() -> Result<void> {
            TRY(make_folder(folder));
            return within("cloud_init", write_seed(path, seed_files(definition, networks, *user_data)));
        };
        const auto say = [this, done](const Result<void>& outcome) {
            done(within(domain_.record.name, Result<void>{outcome}));
        };
        context_.looks.step_apart(read)(job, once([this, &job, write, say](const Result<void>& there) {
                                            if (!there) return say(there);
                                            context_.seeds.step_apart(write)(job, once(say));
                                        }));
    };
}

Phase Seed::publish() {
    return {JobPhase::Disks, 91, immediate([](Job&) -> Result<void> { return {}; })};
}

// The last name that is free, out of the way of disks that come later.
Result<void> Seed::add_disk() {
    constexpr std::uint32_t kNames = 26;
    auto& disks = domain_.definition.disks;
    if (disks.size() >= config::kMostDevices)
        return fail(ErrorId::LimitReached,
                    fmt::format("{}: one disk too many with its cloud-init seed", domain_.record.name));
    for (std::uint32_t number = kNames; number-- > 0;) {
        const bool taken = std::ranges::any_of(disks, [&](const config::DiskDefinition& disk) {
            const auto other = config::parse_disk_target(disk.target);
            return other && other->disk == number;
        });
        if (taken) continue;
        disks.push_back({.target = config::xvd_name(number), .path = path(), .read_only = true, .cdrom = true});
        return {};
    }
    return fail(ErrorId::LimitReached, fmt::format("{}: no xvd is free for its cloud-init seed", domain_.record.name));
}

// It may have keys in it, and is made anew anyway. Apart: its disk may not answer.
void Seed::freed() {
    if (!domain_.definition.cloud_init) return;
    const auto remove = [path = path()]() -> Result<void> {
        (void)unlink(path.c_str());
        return {};
    };
    context_.seeds.run_apart(context_.loop, remove, [](const Result<void>&) {});
}

}  // namespace hvctld
