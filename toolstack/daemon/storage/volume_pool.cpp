#include "storage/volume_pool.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <random>

#include "hvctl/try.hpp"
#include "storage/directory_pool.hpp"
#include "storage/lvm_pool.hpp"

namespace hvctld {

Result<VolumeInfo> VolumePool::find(const std::string& volume) {
    const auto all = TRY(list());
    const auto found = std::ranges::find(all, volume, &VolumeInfo::name);
    if (found != all.end()) return *found;
    return missing(volume);
}

std::unexpected<Error> VolumePool::missing(const std::string& volume) const {
    return fail(ErrorId::NoSuchVolume,
                fmt::format("there is no {}; 'hvctl volume-list {}' shows what there is", named(volume), name()));
}

std::unexpected<Error> VolumePool::exists(const std::string& volume) const {
    return fail(ErrorId::VolumeExists, fmt::format("{} is there already; choose another name", named(volume)));
}

Result<void> VolumePool::require_larger(const VolumeInfo& volume, std::uint64_t bytes) const {
    if (bytes >= volume.bytes) return {};
    return fail(ErrorId::InvalidArgument, fmt::format("{} has {}; a volume can only grow", named(volume.name),
                                                      config::format_size(volume.bytes)));
}

std::shared_ptr<VolumePool> make_volume_pool(const config::VolumePoolSettings& settings,
                                             std::shared_ptr<StorageHost> host) {
    if (settings.path.empty()) return std::make_shared<LvmPool>(settings, std::move(host));
    return std::make_shared<DirectoryPool>(settings);
}

std::string fresh_suffix() {
    std::random_device chance;
    return fmt::format("{:08x}{:08x}", chance(), chance());
}

}  // namespace hvctld
