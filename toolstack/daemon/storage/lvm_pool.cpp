#include "storage/lvm_pool.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/log.hpp"
#include "hvctl/try.hpp"
#include "storage/filling.hpp"

namespace hvctld {
namespace {

constexpr std::string_view kTag = "hvctl";
// With the bytes that the volume had before it is being enlarged, of which none is to be touched.
constexpr std::string_view kGrowTag = "hvctl.grow.";
constexpr std::string_view kNewLv = "_new-";
constexpr std::string_view kGoneLv = "_gone-";
constexpr std::string_view kGrowLv = "_grow-";

double percent_of(std::uint64_t bytes, double percent) {
    constexpr double kWhole = 100;
    return static_cast<double>(bytes) * percent / kWhole;
}

std::optional<std::string> grow_tag_of(const LogicalVolume& volume) {
    const auto found = std::ranges::find_if(volume.tags, [](const auto& tag) { return tag.starts_with(kGrowTag); });
    return found != volume.tags.end() ? std::optional{*found} : std::nullopt;
}

// LVM keeps them for parts of volumes (lvm(8)).
bool is_reserved(std::string_view name) {
    constexpr std::array<std::string_view, 2> kBegin{"snapshot", "pvmove"};
    constexpr std::array<std::string_view, 12> kWithin{"_cdata",  "_cmeta", "_corig", "_mlog",  "_mimage", "_pmspare",
                                                       "_rimage", "_rmeta", "_tdata", "_tmeta", "_vdata",  "_vorigin"};
    return std::ranges::any_of(kBegin, [&](std::string_view part) { return name.starts_with(part); }) ||
           std::ranges::any_of(kWithin,
                               [&](std::string_view part) { return name.find(part) != std::string_view::npos; });
}

}  // namespace

class LvmPool::NewLogicalVolume final : public NewVolume {
  public:
    NewLogicalVolume(LvmPool& pool, UniqueFd device, std::string before, std::string name)
        : pool_{pool}, device_{std::move(device)}, before_{std::move(before)}, name_{std::move(name)} {}
    ~NewLogicalVolume() override {
        if (before_.empty()) return;
        Pace pace;
        // Part of an image may have been written to it already, which must not be left there.
        Result<void> gone;
        if (device_) {
            if (const auto erased = pool_.erase(device_.get(), pace); !erased) gone = std::unexpected(erased.error());
        }
        device_ = {};
        if (gone) gone = pool_.drop(before_);
        if (!gone) log::error("{}: {} is left: {}", pool_.named(name_), before_, gone.error().text());
    }

    void take(UniqueFd device) { device_ = std::move(device); }
    [[nodiscard]] int fd() const override { return device_.get(); }
    Result<void> clear(Pace& pace) override {
        if (pool_.is_thin()) return {};
        return within(pool_.named(name_), zero_device(*pool_.host_, device_.get(), 0, pace));
    }
    Result<void> publish() override {
        if (::fsync(device_.get()) != 0) return fail_errno(errno, pool_.named(name_));
        TRY(within(pool_.named(name_), pool_.rename(before_, name_)));
        before_.clear();
        device_ = {};
        return {};
    }

  private:
    LvmPool& pool_;  // outlives this: the jobs that make volumes keep it
    UniqueFd device_;
    std::string before_, name_;
};

Result<std::string> LvmPool::lvm(std::vector<std::string> words, const std::string& about) {
    const std::string what = words.front();
    words.insert(words.begin(), kLvm);
    words.emplace_back("--");
    words.push_back(about);
    ProgramOutcome outcome = TRY(within("the pool " + name(), host_->run(words, {})));
    if (outcome.status == 0) return std::move(outcome.output);
    const bool full = outcome.errors.find("nsufficient free space") != std::string::npos;
    return fail(full ? ErrorId::NoRoom : ErrorId::VolumePoolFailed,
                fmt::format("the pool {}: {} {}: {}", name(), what, about, outcome.complaint()));
}

Result<void> LvmPool::rename(const std::string& before, const std::string& now) {
    ProgramOutcome outcome = TRY(host_->run({kLvm, "lvrename", "--", settings().group, before, now}, {}));
    if (outcome.status == 0) return {};
    return fail(ErrorId::VolumePoolFailed,
                fmt::format("the pool {}: lvrename {} {}: {}", name(), before, now, outcome.complaint()));
}

Result<std::vector<LogicalVolume>> LvmPool::report() {
    std::vector<std::string> words{"lvs"};
    for (std::string& option : report_options(kVolumeColumns)) words.push_back(std::move(option));
    return within("the pool " + name(), read_volume_report(TRY(lvm(std::move(words), settings().group))));
}

Result<std::vector<LogicalVolume>> LvmPool::ours() {
    auto all = TRY(report());
    std::erase_if(
        all, [&](const LogicalVolume& volume) { return !volume.has_tag(kTag) || volume.thin_pool != settings().thin; });
    return all;
}

Result<void> LvmPool::take_stock() {
    const std::scoped_lock lock{mutex_};
    if (stock_taken_) return {};
    left_over_ = TRY(ours());
    std::erase_if(left_over_, [](const LogicalVolume& volume) { return !volume.name.starts_with('_'); });
    stock_taken_ = true;
    return {};
}

Result<void> LvmPool::sweep(Pace& pace) {
    TRY(take_stock());
    // First what a guest may be waiting for.
    std::ranges::stable_partition(left_over_, [](const LogicalVolume& left) { return left.name.starts_with(kGrowLv); });
    for (const LogicalVolume& left : left_over_) {
        log::warning("the pool {}: {} was left by a hvctld that has been killed", name(), left.name);
        if (const auto swept = sweep_one(left, pace); !swept) log::error("{}: {}", left.name, swept.error().text());
    }
    return {};
}

Result<void> LvmPool::sweep_one(const LogicalVolume& left, Pace& pace) {
    if (left.name.starts_with(kGrowLv)) return finish_growing(left, pace);
    if (!left.name.starts_with(kNewLv) && !left.name.starts_with(kGoneLv)) return {};
    TRY(require_no_snapshot(left.name));
    TRY(erase(TRY(open_active(left.name)).get(), pace));
    return drop(left.name);
}

// They would go with it, and before that be given all that is written over in it.
Result<void> LvmPool::require_no_snapshot(const std::string& volume) {
    for (const LogicalVolume& other : TRY(report())) {
        if (other.origin != volume || !other.thin_pool.empty()) continue;
        return fail(ErrorId::ImageBusy,
                    fmt::format("{} has a snapshot, {}, which would go with it; 'lvremove {}' takes "
                                "that away, if it is not needed",
                                named(volume), other.name, in_group(other.name)));
    }
    return {};
}

Result<PoolSpace> LvmPool::space() {
    if (is_thin()) {
        for (const LogicalVolume& volume : TRY(report())) {
            if (volume.name != settings().thin) continue;
            const auto taken = static_cast<std::uint64_t>(percent_of(volume.bytes, volume.data_percent));
            return PoolSpace{volume.bytes, volume.bytes - std::min(taken, volume.bytes)};
        }
        return fail(ErrorId::VolumePoolFailed,
                    fmt::format("the pool {}: there is no thin pool {}", name(), in_group(settings().thin)));
    }
    std::vector<std::string> words{"vgs"};
    for (std::string& option : report_options(kGroupColumns)) words.push_back(std::move(option));
    return read_group_report(TRY(lvm(std::move(words), settings().group)));
}

Result<std::vector<VolumeInfo>> LvmPool::list() {
    std::vector<VolumeInfo> volumes;
    for (const LogicalVolume& volume : TRY(ours())) {
        if (!config::problem_with_volume_name(volume.name).empty()) continue;
        const auto taken = static_cast<std::uint64_t>(percent_of(volume.bytes, volume.data_percent));
        volumes.push_back({volume.name, volume.bytes, is_thin() ? taken : volume.bytes});
    }
    return volumes;
}

// Otherwise a volume is given blocks that still have the data of another one, which its guest could read.
Result<void> LvmPool::require_zeroing_pool() {
    const std::string pool = in_group(settings().thin);
    for (const LogicalVolume& volume : TRY(report())) {
        if (volume.name != settings().thin) continue;
        if (volume.zeroes) return {};
        return fail(ErrorId::VolumePoolFailed,
                    fmt::format("the pool {}: {} does not zero what it gives to volumes, so that they would see what "
                                "others had; 'lvchange --zero y {}' has it do so",
                                name(), pool, pool));
    }
    return fail(ErrorId::VolumePoolFailed, fmt::format("the pool {}: there is no thin pool {}", name(), pool));
}

Result<std::unique_ptr<NewVolume>> LvmPool::create(const std::string& volume, std::uint64_t bytes) {
    TRY(take_stock());
    if (is_reserved(volume))
        return fail(ErrorId::InvalidArgument, fmt::format("{}: LVM keeps names like that for itself", named(volume)));
    for (const LogicalVolume& other : TRY(report())) {
        // One that was being enlarged is without its name for a while.
        if (other.name == volume || other.name == fmt::format("{}{}", kGrowLv, volume)) return exists(volume);
    }
    const std::string before = fmt::format("{}{}", kNewLv, fresh_suffix());
    const std::string size = fmt::format("{}b", bytes);
    std::vector<std::string> words{"lvcreate", "--yes", "--name", before, "--addtag", std::string{kTag}};
    if (is_thin()) {
        TRY(require_zeroing_pool());
        for (const std::string& word : {std::string{"--thin"}, std::string{"--virtualsize"}, size})
            words.push_back(word);
    } else {
        // All of it is zeroed before it has its name.
        for (const std::string& word : {std::string{"--zero"}, std::string{"n"}, std::string{"--wipesignatures"},
                                        std::string{"n"}, std::string{"--size"}, size})
            words.push_back(word);
    }
    TRY(within(named(volume), lvm(std::move(words), is_thin() ? in_group(settings().thin) : settings().group)));
    auto made = std::make_unique<NewLogicalVolume>(*this, UniqueFd{}, before, volume);
    made->take(TRY(within(named(volume), host_->open_device(path_of(before)))));
    return made;
}

Result<UniqueFd> LvmPool::open_active(const std::string& volume) {
    TRY(lvm({"lvchange", "--activate", "y"}, in_group(volume)));
    return host_->open_device(path_of(volume));
}

Result<const char*> LvmPool::erase(int device, Pace& pace) {
    if (is_thin()) return discard_device(*host_, device, pace);
    TRY(zero_device(*host_, device, 0, pace));
    if (::fsync(device) != 0) return fail_errno(errno, "the device");
    return "zeroed";
}

Result<void> LvmPool::drop(const std::string& volume) {
    TRY(lvm({"lvremove", "--yes"}, in_group(volume)));
    return {};
}

// At every moment the tag says what is still to be zeroed, and the name that this is not over.
Result<void> LvmPool::grow(const std::string& volume, std::uint64_t bytes, Pace& pace) {
    TRY(take_stock());
    const VolumeInfo before = TRY(find(volume));
    TRY(require_larger(before, bytes));
    if (before.bytes == bytes) return {};
    const std::string size = fmt::format("{}b", bytes);
    if (is_thin()) {
        TRY(require_zeroing_pool());
        TRY(within(named(volume), lvm({"lvextend", "--size", size}, in_group(volume))));
        return {};
    }
    for (const LogicalVolume& own : TRY(ours())) {
        const auto tag = own.name == volume ? grow_tag_of(own) : std::nullopt;
        if (!tag) continue;
        return fail(
            ErrorId::VolumePoolFailed,
            fmt::format("{0} has the tag {1}, as if it were being enlarged, and its own name; 'lvchange --deltag "
                        "{1} {2}' takes it away, if all that is in it is whole",
                        named(volume), *tag, in_group(volume)));
    }
    (void)TRY(within(named(volume), open_active(volume)));
    LogicalVolume growing;
    growing.name = fmt::format("{}{}", kGrowLv, volume);
    TRY(within(named(volume), rename(volume, growing.name)));
    growing.tags.push_back(fmt::format("{}{}", kGrowTag, before.bytes));
    auto grown = lvm({"lvchange", "--addtag", growing.tags.back()}, in_group(growing.name));
    if (!grown) growing.tags.clear();
    if (grown) grown = lvm({"lvextend", "--size", size}, in_group(growing.name));
    // It has its name again also where there was no room.
    const auto finished = finish_growing(growing, pace);
    if (!grown) return within(named(volume), Result<void>{std::unexpected(grown.error())});
    return finished;
}

Result<void> LvmPool::finish_growing(const LogicalVolume& growing, Pace& pace) {
    const std::string volume = growing.name.substr(kGrowLv.size());
    if (const auto tag = grow_tag_of(growing)) {
        const auto from = config::parse_number(tag->substr(kGrowTag.size()), 0, UINT64_MAX);
        if (!from) return fail(ErrorId::VolumePoolFailed, fmt::format("{}: the tag {}", named(volume), *tag));
        {
            const UniqueFd device = TRY(within(named(volume), open_active(growing.name)));
            TRY(within(named(volume), zero_device(*host_, device.get(), *from, pace)));
            if (::fsync(device.get()) != 0) return fail_errno(errno, named(volume));
        }
        TRY(within(named(volume), lvm({"lvchange", "--deltag", *tag}, in_group(growing.name))));
    }
    return within(named(volume), rename(growing.name, volume));
}

Result<std::string> LvmPool::remove(const std::string& volume, Pace& pace) {
    TRY(take_stock());
    const VolumeInfo info = TRY(find(volume));
    TRY(require_no_snapshot(volume));
    const std::string gone = fmt::format("{}{}", kGoneLv, fresh_suffix());
    const char* done = nullptr;
    {
        const UniqueFd device = TRY(within(named(volume), open_active(volume)));
        TRY(within(named(volume), rename(volume, gone)));
        done = TRY(within(
            fmt::format("{} has lost its name, and hvctld goes on erasing it when it starts again", named(volume)),
            erase(device.get(), pace)));
    }
    TRY(within(named(volume), drop(gone)));
    return fmt::format("{} bytes of it {}", info.bytes, done);
}

}  // namespace hvctld
