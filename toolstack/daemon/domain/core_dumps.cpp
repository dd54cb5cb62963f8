#include "domain/core_dumps.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <functional>
#include <limits>
#include <utility>

#include "base/log.hpp"
#include "base/new_file.hpp"
#include "devices/block/disks.hpp"
#include "devices/looking.hpp"
#include "domain/dump_folder.hpp"
#include "hvctl/try.hpp"

namespace hvctld {
namespace {

// What a core file may take: the pages, what there is beside each of them, and the rest.
constexpr std::uint64_t kBesideEachFrame = 64;
constexpr std::uint64_t kRest = 8ull << 20;
constexpr std::uint64_t kProgressMs = 500;
constexpr std::uint64_t kStalledMs = 60'000;

std::uint64_t most_bytes(std::uint64_t frames) {
    return frames * (hvctl::kPageSize + kBesideEachFrame) + kRest;
}

// The lists of frames and where they are mapped are in memory for as long as the file is written.
Result<void> require_memory(std::uint64_t frames) {
    constexpr std::uint64_t kOfEachFrame = 40;
    constexpr std::uint64_t kMargin = 64ull << 20;
    std::ifstream file{"/proc/meminfo"};
    std::string word;
    std::uint64_t kib = 0;
    while (file >> word && word != "MemAvailable:") file.ignore(std::numeric_limits<std::streamsize>::max(), '\n');
    if (!(file >> kib) || kib * 1024 >= frames * kOfEachFrame + kMargin) return {};
    return fail(ErrorId::NoMemory,
                fmt::format("a core file of {} needs {} of Dom0's memory while it is written, and {} are there",
                            config::format_size(frames * hvctl::kPageSize), config::format_size(frames * kOfEachFrame),
                            config::format_size(kib * 1024)));
}

// In a thread that is left behind when the job is called off; its result is dropped then.
void apart(PoolLane& lane, std::function<Result<void>()> work, Job& job, const Done& done) {
    lane.step_apart(std::move(work))(job, once(done));
}

}  // namespace

// Threads that write to a disk that does not answer are left behind: all that they use is here.
struct CoreDumps::Dump {
    DomainId domain;
    std::uint64_t frames = 0;
    std::string name;  // the domain's
    std::string path;
    bool of_ours = false;  // in the folder of dumps
    std::unique_ptr<NewFile> file;
    hvctl::CoreContents contents;
    std::atomic<std::uint64_t> written = 0;
};

std::string CoreDumps::fresh_path(const Domain& domain) const {
    return dump_path(context_.paths.dumps, domain.record.name, realtime_us());
}

Result<std::pair<JobId, std::string>> CoreDumps::dump(const std::string& text, const std::string& path,
                                                      const CoreDumpOptions& options) {
    Domain* domain = TRY(domains_.find_running(text));
    TRY(work_.admit(*domain, Verb::DumpCore));
    TRY(work_.host_stays(Verb::DumpCore));
    TRY(Work::require_whole(*domain));
    const auto info =
        TRY(within(domain->record.name, Result<abi::DomainInfo>{context_.hypervisor.domain(domain->id())}));
    const bool was_paused = (info.flags & abi::kDomainPaused) != 0;
    const auto dump = std::make_shared<Dump>();
    dump->domain = domain->id();
    dump->frames = info.frames;
    dump->name = domain->record.name;
    dump->of_ours = path.empty();
    dump->path = path.empty() ? fresh_path(*domain) : path;

    const std::string promised = dump->path;  // its thread's from here on

    Job& job = work_.begin(*domain, Verb::DumpCore, 0, was_paused);
    job.add({JobPhase::OpenDump, 1, open(dump)});
    job.add({JobPhase::CollectCore, 2, [this, domain, dump](Job& running, const Done& done) {
                 if (const auto stopped = stop_guest(running, *domain); !stopped) return done(stopped);
                 collect(dump)(running, done);
             }});
    constexpr Share kShare{10, 95};
    job.add({JobPhase::WriteCore, kShare.first, [this, domain, dump, options, kShare](Job& running, const Done& done) {
                 // Only here, and in the end: a thread that is left behind must set no guest going.
                 if (options.live) let_go(*domain, running.record().start_paused);
                 write(dump, kShare)(running, [this, domain, options, &running, done](const Result<void>& written) {
                     if (written) end(running, *domain, options);
                     done(written);
                 });
             }});
    return std::pair{work_.go(*domain, job), promised};
}

Result<void> CoreDumps::stop_guest(Job& job, const Domain& domain) {
    job.on_failure([this, &domain](Job& failed, const Done& undone) {
        if (domain.in_hv()) let_go(domain, failed.record().start_paused);
        undone({});
    });
    return within("pause " + domain.record.name, Result<void>{context_.hypervisor.pause_domain(domain.id())});
}

void CoreDumps::let_go(const Domain& domain, bool was_paused) {
    // One that waits for space goes on when there is some: see space_keeper.hpp.
    if (was_paused || domain.disks->space_hold().wait()) return;
    if (const auto going = context_.hypervisor.unpause_domain(domain.id()); !going)
        log::error("{}: cannot be set going again: {}", domain.record.name, going.error().what());
    domains_.changed(domain);
}

void CoreDumps::end(Job& job, Domain& domain, const CoreDumpOptions& options) {
    job.keep();
    if (!options.crash) {
        if (!options.live) let_go(domain, job.record().start_paused);
        return;
    }
    domain.record.wanted = false;
    domains_.save(domain);
    tear_down_.add_phases(job, domain, EndReason::Destroyed, true);
}

void CoreDumps::add_phases(Job& job, Domain& domain) {
    const auto dump = std::make_shared<Dump>();
    dump->name = domain.record.name;
    dump->of_ours = true;
    dump->path = fresh_path(domain);
    const auto failed = std::make_shared<bool>(false);
    constexpr Share kShare{31, 39};
    // A step of the dump, as long as none before it has failed.
    const auto add = [&](JobPhase phase, std::uint32_t percent, const Step& step) {
        job.add({phase, percent, [dump, failed, step](Job& running, const Done& done) {
                     if (*failed) return done({});
                     step(running, [dump, failed, &running, done](const Result<void>& result) {
                         if (result || running.interrupted()) return done(result);
                         *failed = true;
                         log::write(log::Level::Error, {dump->name, running.id(), result.error().code()},
                                    "no core file: " + result.error().message());
                         done({});
                     });
                 }});
    };
    add(JobPhase::OpenDump, 30, [this, &domain, dump](Job& running, const Done& done) {
        const auto info = context_.hypervisor.domain(domain.id());
        if (!info) return done(std::unexpected(Error{info.error()}));
        dump->domain = domain.id();
        dump->frames = info->frames;
        open(dump)(running, done);
    });
    add(JobPhase::CollectCore, 30, [this, dump](Job& running, const Done& done) {
        // It has ended, and its frames are to stay listed.
        if (const auto paused = context_.hypervisor.pause_domain(dump->domain); !paused)
            return done(std::unexpected(Error{paused.error()}));
        collect(dump)(running, done);
    });
    add(JobPhase::WriteCore, kShare.first, write(dump, kShare));
}

Step CoreDumps::open(const SharedDump& dump) {
    return [this, dump](Job& job, const Done& done) {
        const auto work = [dump, folder = context_.paths.dumps]() -> Result<void> {
            if (dump->of_ours) dump->path = TRY(prepare_dump_folder(folder)) + dump->path.substr(folder.size());
            auto file = TRY(NewFile::create(dump->path));
            TRY(file.require_room(most_bytes(dump->frames)));
            dump->file = std::make_unique<NewFile>(std::move(file));
            return {};
        };
        apart(context_.dumps, work, job, done);
    };
}

Step CoreDumps::collect(const SharedDump& dump) {
    return [this, dump](Job& job, const Done& done) {
        const auto work = [dump, &hypervisor = context_.hypervisor, cancel = job.stop_token()]() -> Result<void> {
            const std::string name = std::filesystem::path{dump->path}.filename().string();
            TRY(require_memory(dump->frames));
            dump->contents = TRY(
                within(dump->name, Result<hvctl::CoreContents>{hypervisor.collect_core(dump->domain, name, cancel)}));
            return {};
        };
        apart(context_.dumps, work, job, done);
    };
}

Step CoreDumps::write(const SharedDump& dump, Share share) {
    return [this, dump, share](Job& job, const Done& done) {
        const auto work = [dump, &hypervisor = context_.hypervisor, cancel = job.stop_token(),
                           folder = context_.paths.dumps]() -> Result<void> {
            const auto progress = [dump](std::uint64_t pages, std::uint64_t) { dump->written = pages; };
            const std::uint64_t missing =
                TRY(within(dump->name, Result<std::uint64_t>{hypervisor.write_core(
                                           dump->domain, dump->contents, dump->file->fd(), progress, cancel)}));
            TRY(dump->file->sync());
            if (cancel.stop_requested()) return fail(ErrorId::Cancelled, dump->path + ": called off");
            TRY(dump->file->publish());
            log::info("{}: core file {}{}", dump->name, dump->path,
                      missing == 0 ? std::string{} : fmt::format(", without {} frames that it gave away", missing));
            if (dump->of_ours) trim_dumps(folder, dump->name, dump->path, kKept);
            return {};
        };
        const auto look = std::make_shared<Timer>(context_.loop);
        look->start(
            kProgressMs,
            [dump, share, &job, seen = std::uint64_t{0}, since_ms = job.loop().now_ms()]() mutable {
                const std::uint64_t frames = std::max<std::uint64_t>(dump->frames, 1);
                const std::uint64_t written = std::min<std::uint64_t>(dump->written, frames);
                if (written != seen || written == frames) since_ms = job.loop().now_ms();
                seen = written;
                if (job.loop().now_ms() - since_ms > kStalledMs) {
                    return job.interrupt(
                        {ErrorId::DeadlinePassed,
                         fmt::format("{}: its disk has taken nothing for {} s", dump->path, kStalledMs / 1000)});
                }
                job.report_percent(share.first +
                                   static_cast<std::uint32_t>((share.last - share.first) * written / frames));
            },
            kProgressMs);
        apart(context_.dumps, work, job, [look, done](const Result<void>& written) {
            look->stop();
            done(written);
        });
    };
}

}  // namespace hvctld
