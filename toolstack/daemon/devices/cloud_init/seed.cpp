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
    return fmt::format("{}/{}.iso", context_.paths.seeds, domain_.record.uuid);
}

Step Seed::prepare(bool) {
    return [this](Job& job, const Done& done) {
        // The one of the run before.
        std::erase_if(domain_.definition.disks,
                      [&](const auto& disk) { return disk.path.starts_with(context_.paths.seeds + "/"); });
        if (!domain_.definition.cloud_init) return done({});
        if (const auto added = add_disk(); !added) return done(added);
        const auto write = [definition = domain_.definition, networks = context_.networks,
                            folder = context_.paths.seeds, path = path()]() -> Result<void> {
            const std::string& user_path = definition.cloud_init->user_data;
            const std::string user_data =
                user_path.empty() ? std::string{}
                                  : TRY(within("cloud_init: user_data", read_text_file(user_path, kMostUserData)));
            TRY(make_folder(folder));
            return within("cloud_init", write_seed(path, seed_files(definition, networks, user_data)));
        };
        context_.looks.step_apart(write)(job, once([this, done](const Result<void>& written) {
                                             done(within(domain_.record.name, Result<void>{written}));
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

// It may have keys in it, and is made anew anyway.
void Seed::freed() {
    if (domain_.definition.cloud_init) (void)unlink(path().c_str());
}

}  // namespace hvctld
