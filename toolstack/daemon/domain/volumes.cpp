#include "domain/volumes.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "base/log.hpp"
#include "devices/block/disks.hpp"
#include "devices/looking.hpp"
#include "domain/remembering.hpp"
#include "hvctl/try.hpp"
#include "storage/convert.hpp"
#include "storage/filling.hpp"
#include "storage/image_format.hpp"

namespace hvctld {
namespace {

constexpr std::uint64_t kVolumeSector = 512;
constexpr std::uint64_t kShowMs = 500;
constexpr std::uint64_t kUndoPatienceMs = 10'000;
constexpr std::uint64_t kListPatienceMs = 15'000;

Result<void> check_size(const std::string& volume, std::uint64_t bytes) {
    constexpr std::uint64_t kMost = std::uint64_t{1} << 60;
    if (bytes != 0 && bytes <= kMost && bytes % kVolumeSector == 0) return {};
    return fail(ErrorId::InvalidArgument, fmt::format("volume {}: {} bytes are no size of a disk: whole sectors of {}",
                                                      volume, bytes, kVolumeSector));
}

std::string size_text(std::uint64_t bytes) {
    return fmt::format("{} ({} bytes)", config::format_size(bytes), bytes);
}

config::DiskDefinition disk_at(const std::string& path, bool read_only) {
    config::DiskDefinition disk;
    disk.target = "-";
    disk.path = path;
    disk.read_only = read_only;
    return disk;
}

}  // namespace

// One volume, while a job works on it. Threads that are left behind have it as long as they last, and no other job
// works on that volume before they have ended.
struct Volumes::Task {
    config::VolumeName name;
    std::string text;  // "POOL/NAME"
    std::shared_ptr<VolumePool> pool;
    uid_t user = 0;
    JobId job = 0;
    bool claimed = false;
    bool over = false;  // the job is; a thread may not be
    Pace pace;
    std::mutex mutex;  // of what follows, which is the working thread's
    std::optional<Image> image;
    UniqueFd content;  // of the image, raw
    std::uint64_t bytes = 0;
    std::unique_ptr<NewVolume> fresh;
    std::string done;  // for the audit

    [[nodiscard]] std::string path() const { return pool->path_of(name.name); }
    [[nodiscard]] std::string named() const { return "volume " + text; }
    void audit(const std::string& what) const { log::audit({{}, job, {}, text}, user, what); }
};

Volumes::Volumes(Context& context, Domains& domains, DiskChanges& disks)
    : context_{context}, domains_{domains}, disks_{disks} {
    for (const config::VolumePoolSettings& settings : context_.settings.defaults.volumes)
        pools_[settings.name] = make_volume_pool(settings, context_.storage);
}

void Volumes::sweep() {
    context_.volume_lane.run_apart(
        context_.loop,
        [host = context_.storage, scratch = context_.paths.scratch]() -> Result<void> {
            sweep_conversions(*host, scratch);
            return {};
        },
        [](const Result<void>&) {});
    for (const auto& [name, pool] : pools_) {
        context_.volume_lane.run_apart(
            context_.loop,
            [pool = pool]() -> Result<void> {
                Pace pace;
                return pool->sweep(pace);
            },
            [](const Result<void>& swept) {
                if (!swept) log::error("{}", swept.error().text());
            });
    }
}

std::vector<std::string> Volumes::users_of(const std::string& volume, const std::string& path) const {
    std::vector<std::string> names;
    for (const Domain* domain : domains_.all()) {
        const auto is_it = [&](const config::DiskDefinition& disk) {
            return disk.volume == volume || disk.path == path;
        };
        if (std::ranges::any_of(domain->definition.disks, is_it)) names.push_back(domain->record.name);
    }
    return names;
}

void Volumes::list(const std::string& only, const Answer& answer) {
    struct Listing {
        explicit Listing(Loop& loop) : patience{loop} {}
        Timer patience;
        std::map<std::string, std::pair<VolumePoolView, std::vector<VolumeView>>> pools;
        std::size_t missing = 0;
        bool answered = false;
    };
    if (!only.empty() && !pools_.contains(only)) {
        return answer(
            fail(ErrorId::NoSuchVolumePool,
                 fmt::format("there is no pool \"{}\"; the key volumes of /etc/hvctl/hvctl.yaml has all", only)));
    }
    const auto listing = std::make_shared<Listing>(context_.loop);
    const auto finish = [this, listing, answer, weak = std::weak_ptr{context_.alive}] {
        if (weak.expired() || std::exchange(listing->answered, true)) return;
        VolumeList list;
        for (auto& [name, entry] : listing->pools) {
            list.pools.push_back(entry.first);
            for (VolumeView& volume : entry.second) {
                volume.domains = users_of(volume.pool + "/" + volume.name, volume.path);
                list.volumes.push_back(std::move(volume));
            }
        }
        answer(list);
    };
    for (const auto& [name, pool] : pools_) {
        if (!only.empty() && name != only) continue;
        const config::VolumePoolSettings& settings = pool->settings();
        VolumePoolView view{name, pool->kind(), settings.path, 0, 0, "it has not answered in time"};
        if (settings.path.empty()) view.place = settings.group + (settings.thin.empty() ? "" : "/" + settings.thin);
        listing->pools[name].first = std::move(view);
    }
    listing->missing = listing->pools.size();
    listing->patience.start(kListPatienceMs, finish);
    for (const auto& [name, entry] : listing->pools) {
        const auto seen = std::make_shared<std::pair<PoolSpace, std::vector<VolumeInfo>>>();
        context_.looks.run_apart(
            context_.loop,
            [pool = pools_[name], seen]() -> Result<void> {
                *seen = {TRY(pool->space()), TRY(pool->list())};
                return {};
            },
            [listing, finish, seen, pool = pools_[name], name = name](const Result<void>& looked) {
                if (listing->answered) return;
                auto& [view, volumes] = listing->pools[name];
                view.trouble = looked ? "" : looked.error().message();
                view.bytes = seen->first.bytes;
                view.free = seen->first.free;
                for (const VolumeInfo& info : seen->second)
                    volumes.push_back({name, info.name, pool->path_of(info.name), info.bytes, info.allocated, {}});
                std::ranges::sort(volumes, {}, &VolumeView::name);
                if (--listing->missing != 0) return;
                listing->patience.stop();
                finish();
            });
    }
}

Result<Volumes::SharedTask> Volumes::begin(const std::string& volume, uid_t user) {
    const auto name = config::parse_volume_name(volume);
    if (!name) return fail(ErrorId::InvalidArgument, name.error());
    const auto pool = pools_.find(name->pool);
    if (pool == pools_.end()) {
        return fail(
            ErrorId::NoSuchVolumePool,
            fmt::format("there is no pool \"{}\"; the key volumes of /etc/hvctl/hvctl.yaml has all", name->pool));
    }
    std::erase_if(tasks_, [](const auto& entry) {
        const SharedTask other = entry.second.lock();
        return !other || (other->over && std::unique_lock{other->mutex, std::try_to_lock});
    });
    if (const auto other = tasks_.find(name->text()); other != tasks_.end()) {
        const SharedTask present = other->second.lock();
        return fail(ErrorId::Busy,
                    fmt::format("volume {}: job {} works on it{}", name->text(), present != nullptr ? present->job : 0,
                                present != nullptr && present->over ? ", and waits for its disk" : ""));
    }
    const auto task = std::make_shared<Task>();
    task->name = *name;
    task->text = name->text();
    task->pool = pool->second;
    task->user = user;
    return task;
}

Job& Volumes::add_job(const SharedTask& task, Verb verb) {
    tasks_[task->text] = task;
    JobRecord record;
    record.verb = verb;
    record.domain = task->text;
    Job& job = context_.jobs.add(std::move(record), [this, task](const JobRecord&) {
        task->over = true;
        if (std::exchange(task->claimed, false)) context_.claims.release(task->text, 0);
    });
    task->job = job.id();
    task->pace.cancel = job.stop_token();
    // In a thread: what is given up may have to be erased. Not waited for where the disk does not answer.
    job.on_failure([this, task](Job&, const Done& undone) {
        const auto first = once(undone);
        const auto patience = std::make_shared<Timer>(context_.loop);
        patience->start(kUndoPatienceMs, [first] { first({}); });
        context_.loop.apart(
            [task]() -> Result<void> {
                const std::scoped_lock lock{task->mutex};
                task->fresh.reset();
                task->image.reset();
                task->content = {};
                return {};
            },
            [first, patience](const Result<void>&) {
                patience->stop();
                first({});
            });
    });
    return job;
}

Step Volumes::apart(const SharedTask& task, std::function<Result<void>(Task&)> work) {
    return [this, task, work = std::move(work)](Job& job, const Done& done) {
        task->pace.done = 0;
        task->pace.whole = 0;
        const std::uint32_t first = job.record().percent;
        constexpr std::uint32_t kShare = 40;  // no phase has more of the job
        const auto look = std::make_shared<Timer>(context_.loop);
        look->start(
            kShowMs,
            [task, &job, first] {
                const std::uint64_t whole = task->pace.whole;
                if (whole == 0) return;
                const std::uint64_t so_far = std::min<std::uint64_t>(task->pace.done, whole);
                job.report_percent(first + static_cast<std::uint32_t>(static_cast<double>(so_far) /
                                                                      static_cast<double>(whole) * kShare));
            },
            kShowMs);
        const auto locked = [task, work]() -> Result<void> {
            const std::scoped_lock lock{task->mutex};
            // Called off before this thread came to it.
            TRY(within(task->named(), task->pace.goes_on()));
            return work(*task);
        };
        context_.volume_lane.step_apart(locked)(job, once([look, task, done](const Result<void>& worked) {
                                                    look->stop();
                                                    done(worked);
                                                }));
    };
}

void Volumes::add_making(Job& job, const SharedTask& task) {
    job.add({JobPhase::MakeVolume, 10, apart(task, [](Task& making) -> Result<void> {
                 making.fresh = TRY(making.pool->create(making.name.name, making.bytes));
                 return making.fresh->clear(making.pace);
             })});
}

// From here on there is no way back.
void Volumes::add_naming(Job& job, const SharedTask& task, const std::string& done) {
    const Step name = apart(task, [](Task& making) -> Result<void> {
        TRY(making.fresh->publish());
        making.fresh.reset();
        making.image.reset();
        making.content = {};
        return {};
    });
    job.add({JobPhase::NameVolume, 95, [task, name, done](Job& running, const Done& named) {
                 running.shield();
                 name(running, [task, done, &running, named](const Result<void>& published) {
                     running.unshield();
                     if (published) {
                         running.keep();
                         task->audit(fmt::format("{}, {}", done, size_text(task->bytes)));
                     }
                     named(published);
                 });
             }});
}

Result<JobId> Volumes::create(const std::string& volume, std::uint64_t bytes, uid_t user) {
    TRY(require_registry(context_.registry));
    const SharedTask task = TRY(begin(volume, user));
    TRY(check_size(task->text, bytes));
    task->bytes = bytes;
    Job& job = add_job(task, Verb::CreateVolume);
    add_making(job, task);
    add_naming(job, task, "created");
    const JobId id = job.id();
    job.start();
    return id;
}

// What domains and other volumes' jobs have.
Result<void> Volumes::take_claim(Job& job, const SharedTask& task, const config::DiskDefinition& disk,
                                 const ImageId& id) {
    if (job.interrupted()) return {};  // the claim would not be given back any more
    if (const ImageClaim* rival = context_.claims.rival(disk, id)) {
        return fail(ErrorId::ImageBusy, fmt::format("{}: {} is {}; end that first", task->named(), disk.path,
                                                    ImageClaims::words_for(*rival)));
    }
    TRY(context_.claims.take(task->text, disk, id));
    task->claimed = true;
    return {};
}

// No guest has it, but the loop device of one that has just gone may be there for a moment.
Result<void> Volumes::wait_unused_in_dom0(Task& task, bool read_only) {
    constexpr int kLooks = 50;
    constexpr std::chrono::milliseconds kBetweenLooks{100};
    for (int look = 1;; ++look) {
        const std::string who = user_in_dom0(*task.image, read_only);
        if (who.empty()) return {};
        if (look == kLooks)
            return fail(ErrorId::ImageBusy, fmt::format("{} is in use: {}; end that first", task.named(), who));
        TRY(within(task.named(), task.pace.goes_on()));
        std::this_thread::sleep_for(kBetweenLooks);
    }
}

Step Volumes::claim_image(const SharedTask& task, const std::string& file, bool raw) {
    const config::DiskDefinition disk = disk_at(file, true);
    const Step look = apart(task, [disk, raw](Task& importing) -> Result<void> {
        Image image = TRY(within(importing.named(), look_at_image(disk.path, true)));
        if (raw) TRY(within(importing.named(), check_format(image.file.get(), "raw", disk.path)));
        if (image.bytes == 0)
            return fail(ErrorId::ImageUnusable, fmt::format("{}: {} is empty", importing.named(), disk.path));
        importing.image = std::move(image);
        return {};
    });
    return [this, task, disk, look](Job& job, const Done& done) {
        look(job, [this, task, disk, &job, done](const Result<void>& looked) {
            const auto claimed = looked ? take_claim(job, task, disk, task->image->id) : looked;
            if (!claimed) return done(claimed);
            apart(task, [](Task& importing) { return wait_unused_in_dom0(importing, true); })(job, done);
        });
    };
}

Result<JobId> Volumes::import(const std::string& volume, const std::string& file, const std::string& format,
                              uid_t user) {
    TRY(require_registry(context_.registry));
    const SharedTask task = TRY(begin(volume, user));
    const auto formats = std::span{config::kImageFormats}.first<std::size(config::kImageFormats) - 1>();
    static_assert(config::kImageFormats.back() == config::kEncrypted, "of which a volume has no key");
    if (std::ranges::find(formats, format) == formats.end()) {
        return fail(ErrorId::InvalidArgument, fmt::format("\"{}\" is no format of images that can be imported: {}",
                                                          format, fmt::join(formats, ", ")));
    }
    if (!file.starts_with('/') || file.find('\0') != std::string::npos)
        return fail(ErrorId::InvalidArgument, fmt::format("\"{}\" is no absolute path of an image", file));
    const bool raw = format == config::kImageFormats.front();
    Job& job = add_job(task, Verb::ImportVolume);
    job.add({JobPhase::LookAtImage, 0, claim_image(task, file, raw)});
    if (!raw) {
        job.add({JobPhase::ConvertImage, 2,
                 apart(task,
                       [format, host = context_.storage,
                        scratch = context_.paths.scratch](Task& importing) -> Result<void> {
                           importing.content =
                               TRY(within(importing.named(),
                                          convert_image(*host, importing.image->file.get(), importing.image->bytes,
                                                        format, scratch, importing.pace)));
                           return {};
                       })});
    }
    job.add({JobPhase::LookAtImage, 10, apart(task, [file](Task& importing) -> Result<void> {
                 if (!importing.content) importing.content = std::move(importing.image->file);
                 importing.bytes = TRY(within(importing.named(), size_of_content(importing.content.get(), file)));
                 importing.bytes += (kVolumeSector - importing.bytes % kVolumeSector) % kVolumeSector;
                 return check_size(importing.text, importing.bytes);
             })});
    add_making(job, task);
    job.add({JobPhase::CopyImage, 50, apart(task, [file](Task& importing) -> Result<void> {
                 const std::uint64_t bytes =
                     TRY(within(importing.named(), size_of_content(importing.content.get(), file)));
                 return within(importing.named(),
                               copy_sparsely(importing.content.get(), importing.fresh->fd(), bytes, importing.pace));
             })});
    add_naming(job, task, fmt::format("imported from {} ({})", file, format));
    const JobId id = job.id();
    job.start();
    return id;
}

Step Volumes::claim_volume(const SharedTask& task) {
    const Step look = apart(task, [](Task& changing) -> Result<void> {
        (void)TRY(changing.pool->find(changing.name.name));
        auto image = look_at_image(changing.path(), true);
        // A logical volume that is not active has no device, and so cannot be in use.
        if (!image && image.error().id() == ErrorId::FileMissing) return {};
        if (!image) return within(changing.named(), Result<void>{std::unexpected(image.error())});
        changing.image = std::move(*image);
        return {};
    });
    return [this, task, look](Job& job, const Done& done) {
        look(job, [this, task, &job, done](const Result<void>& looked) {
            if (!looked || !task->image) return done(looked);
            const auto claimed = take_claim(job, task, disk_at(task->path(), false), task->image->id);
            if (!claimed) return done(claimed);
            apart(task, [](Task& changing) -> Result<void> {
                TRY(wait_unused_in_dom0(changing, false));
                changing.image->file = {};
                return {};
            })(job, done);
        });
    };
}

Result<void> Volumes::require_unnamed(const Task& task) const {
    const auto users = users_of(task.text, task.path());
    if (users.empty()) return {};
    return fail(ErrorId::ImageBusy,
                fmt::format("{} is a disk of {}; 'hvctl block-detach' takes it away from a guest that runs, 'hvctl "
                            "forget' has one that has ended forgotten",
                            task.named(), fmt::join(users, ", ")));
}

Result<JobId> Volumes::remove(const std::string& volume, uid_t user) {
    // Removing one makes room for a registry whose disk is full; but without its records it is not known what is in
    // use.
    if (context_.registry.stands_in()) TRY(require_registry(context_.registry));
    const SharedTask task = TRY(begin(volume, user));
    TRY(require_unnamed(*task));
    Job& job = add_job(task, Verb::DeleteVolume);
    job.add({JobPhase::LookAtVolume, 0, claim_volume(task)});
    const Step erase = apart(task, [](Task& going) -> Result<void> {
        going.done = TRY(going.pool->remove(going.name.name, going.pace));
        return {};
    });
    job.add({JobPhase::EraseVolume, 10, [this, task, erase](Job& running, const Done& done) {
                 // A definition may have come to name it since.
                 if (const auto unnamed = require_unnamed(*task); !unnamed) return done(unnamed);
                 running.shield();
                 erase(running, [task, &running, done](const Result<void>& erased) {
                     running.unshield();
                     if (erased) running.keep();
                     if (erased) task->audit("deleted, " + task->done);
                     if (!erased) task->audit("not deleted: " + erased.error().text());
                     done(erased);
                 });
             }});
    const JobId id = job.id();
    job.start();
    return id;
}

// The file and the loop device over it, which are that guest's, in one.
Result<JobId> Volumes::resize_of_guest(const SharedTask& task, std::uint64_t bytes, const ImageClaim& claim) {
    const std::string guest = claim.domain;
    const JobId job = TRY(disks_.resize(guest, claim.disk.target, bytes));
    tasks_[task->text] = task;
    task->job = job;
    (void)context_.jobs.wait(job, [task, guest, bytes](const JobRecord& over) {
        task->over = true;
        if (over.state == JobState::Done)
            task->audit(fmt::format("enlarged to {}, a disk of {}, which runs", size_text(bytes), guest));
    });
    return job;
}

Result<JobId> Volumes::resize(const std::string& volume, std::uint64_t bytes, uid_t user) {
    TRY(require_registry(context_.registry));
    const SharedTask task = TRY(begin(volume, user));
    TRY(check_size(task->text, bytes));
    task->bytes = bytes;
    std::vector<ImageClaim> guests;
    for (const Domain* domain : domains_.all()) {
        if (!domain->in_hv()) continue;
        for (ImageClaim& claim : context_.claims.of(domain->record.instance.domid)) {
            if (claim.disk.path == task->path()) guests.push_back(std::move(claim));
        }
    }
    const bool live = !guests.empty();
    if (live && !task->pool->grows_under_guests()) {
        const bool in_folder = !task->pool->settings().path.empty();
        if (in_folder && guests.size() == 1) return resize_of_guest(task, bytes, guests.front());
        return fail(
            ErrorId::WrongState,
            fmt::format("{} is {} of {}, which runs; {}", task->named(), guests.front().disk.target,
                        guests.front().domain,
                        in_folder ? "and others have it, too: 'hvctl block-resize' enlarges it for one of them"
                                  : "what a thick volume gains is zeroed before a guest sees it: shut the guest "
                                    "down first"));
    }
    Job& job = add_job(task, Verb::ResizeVolume);
    if (!live) job.add({JobPhase::LookAtVolume, 0, claim_volume(task)});
    const Step grow =
        apart(task, [](Task& growing) { return growing.pool->grow(growing.name.name, growing.bytes, growing.pace); });
    job.add({JobPhase::GrowVolume, 10, [task, grow](Job& running, const Done& done) {
                 running.shield();
                 grow(running, [task, &running, done](const Result<void>& grown) {
                     running.unshield();
                     if (grown) running.keep();
                     if (grown) task->audit("enlarged to " + size_text(task->bytes));
                     done(grown);
                 });
             }});
    const JobId id = job.id();
    job.start();
    return id;
}

}  // namespace hvctld
