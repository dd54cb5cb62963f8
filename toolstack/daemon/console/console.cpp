#include "console/console.hpp"

#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include "base/in_time.hpp"
#include "base/log.hpp"
#include "hvctl/try.hpp"

namespace hvctld {
namespace {

constexpr std::size_t kMostSessions = 64;    // each has descriptors
constexpr std::uint64_t kPatienceMs = 5000;  // with a disk; meanwhile a guest that writes a lot waits

std::string log_path(const ConsolePaths& paths, const std::string& name) {
    return fmt::format("{}/{}.log", paths.log_folder, name);
}

std::string journal_path(const ConsolePaths& paths, const std::string& name) {
    return fmt::format("{}/{}.journal", paths.journal_folder, name);
}

Result<UniqueFd> whole_run(const ConsoleLog& log, bool rotated) {
    UniqueFd current = TRY(log.open_generation(log.generation()));
    if (!rotated) return current;
    // One run in two files: the client gets them as one.
    UniqueFd joined{memfd_create("console-log", MFD_CLOEXEC)};
    if (!joined) return fail_errno(errno, "memfd_create");
    const UniqueFd previous = TRY(log.open_generation(log.generation() - 1));
    for (const int part : {previous.get(), current.get()}) {
        while (sendfile(joined.get(), part, nullptr, 1 << 20) > 0) {
        }
    }
    lseek(joined.get(), 0, SEEK_SET);
    return joined;
}

}  // namespace

Result<std::unique_ptr<Console>> Console::create(Loop& loop, DiskThread& disk, EventHub& events,
                                                 const ConsolePaths& paths, const std::string& name,
                                                 const config::ConsoleSettings& settings) {
    // A guest that runs has a console whatever the disks are like: its ring must be emptied.
    if (const auto made = make_folder(paths.journal_folder); !made) log::warning("{}", made.error().message());
    ConsoleJournal journal = TRY(ConsoleJournal::open(journal_path(paths, name)));
    if (!journal.kept()) {
        log::warning("{}: {} takes no file; should hvctld be killed, console output may be lost or logged twice", name,
                     paths.journal_folder);
    }
    std::unique_ptr<Console> console{new Console{loop, disk, events, paths, name, std::move(journal), settings}};
    const auto ready = std::make_shared<Result<void>>();
    console->on_disk([ready](Files& files) { *ready = files.log.ready(); },
                     [ready] {
                         if (!*ready) log::error("console log: {}", ready->error().message());
                     });
    return console;
}

Console::Console(Loop& loop, DiskThread& disk, EventHub& events, const ConsolePaths& paths, const std::string& name,
                 ConsoleJournal journal, const config::ConsoleSettings& settings)
    : loop_{loop},
      disk_{disk},
      events_{events},
      path_{log_path(paths, name)},
      name_{name},
      files_{std::make_shared<Files>(Files{ConsoleLog{path_, settings.log_size}, std::move(journal)})},
      patience_{loop},
      bucket_{settings.log_rate, settings.log_burst},
      rate_{settings.log_rate},
      alive_{std::make_shared<Console*>(this)} {}

Console::~Console() = default;

void Console::forget(const ConsolePaths& paths, const std::string& name) {
    const std::string journal = journal_path(paths, name);
    if (unlink(journal.c_str()) == 0 || errno == ENOENT) return;
    log::warning("{}: {}", journal, std::strerror(errno));
}

void Console::move_files(const ConsolePaths& paths, const std::string& before, const std::string& now) {
    const std::string log = log_path(paths, before);
    const std::array<std::pair<std::string, std::string>, 3> moves{
        {{log, log_path(paths, now)},
         {ConsoleLog::previous_of(log), ConsoleLog::previous_of(log_path(paths, now))},
         {journal_path(paths, before), journal_path(paths, now)}}};
    for (const auto& [from, to] : moves) {
        if (std::rename(from.c_str(), to.c_str()) == 0 || errno == ENOENT) continue;
        log::warning("{} cannot be renamed to {}: {}", from, to, std::strerror(errno));
    }
}

void Console::rename(const ConsolePaths& paths, const std::string& name) {
    path_ = log_path(paths, name);
    on_disk(
        [paths, before = std::exchange(name_, name), name](Files& files) {
            move_files(paths, before, name);
            files.log.set_path(log_path(paths, name));
        },
        nullptr);
}

void Console::on_disk(std::function<void(Files&)> work, std::function<void()> then, DiskThread::Wait wait) {
    ++under_way_;
    disk_.run(
        wait, [files = files_, work = std::move(work)] { work(*files); },
        [weak = std::weak_ptr{alive_}, then = std::move(then)](const Result<void>& ran) {
            const auto self = weak.lock();
            if (!self) return;
            if (!ran) log::error("console log {}: {}", (*self)->path_, ran.error().message());
            --(*self)->under_way_;
            if (then) then();
            (*self)->disk_answered();
        });
    waited_for_ = waited_for_ || under_way_ != 0;
}

template <class T>
void Console::ask_disk(std::function<Result<T>(Files&)> work, std::function<void(Result<T>)> then) {
    const auto found = std::make_shared<std::optional<Result<T>>>();
    const auto waiting =
        InTime::within(loop_, kAnswerMs, [found, then = std::move(then), silence = silence()](bool answered) {
            // Where the disk has not answered, its thread may be writing to `found` now; where the work has thrown,
            // there is none.
            then(answered && *found ? std::move(**found) : Result<T>{std::unexpected(silence)});
        });
    on_disk([found, work = std::move(work)](Files& files) { found->emplace(work(files)); },
            [waiting] { waiting->answered(); }, DiskThread::Wait::Patiently);
}

Error Console::silence() const {
    return {ErrorId::Io, fmt::format("the disk of {} does not answer; try again when it does", path_)};
}

// What had to wait for the files goes on, and from the loop, not from here: the code that has just had its answer may
// be in the middle of something.
void Console::disk_answered() {
    if (under_way_ != 0 || !std::exchange(waited_for_, false)) return;
    patience_.stop();
    waits_ = out_of_patience_ = false;
    loop_.post([weak = std::weak_ptr{alive_}] {
        const auto console = weak.lock();
        if (!console) return;
        (*console)->ring_event();
        (*console)->port_.notify();
        (*console)->update_sessions();
    });
}

void Console::fetch(const std::shared_ptr<LogCursor>& cursor) {
    on_disk([cursor](Files& files) { cursor->fetch(files.log); }, nullptr);
}

void Console::prepare_run(bool anew, std::function<void(const Result<void>&)> done) {
    if (anew) ending_ = false;  // clients may attach from now on
    const auto outcome = std::make_shared<Result<void>>();
    on_disk(
        [outcome, anew](Files& files) {
            *outcome = files.log.ready();
            if (!*outcome || !anew) return;
            files.run_begun = true;
            (void)files.log.reopen_if_gone();
            if (files.log.size() == 0) return;
            if (const auto rotated = files.log.rotate(); !rotated)
                log::warning("console log: {}", rotated.error().message());
            files.journal.set_rotated_in_run(false);
        },
        [outcome, done = std::move(done)] { done(*outcome); });
}

void Console::abandon_run() {
    on_disk(
        [](Files& files) {
            if (!std::exchange(files.run_begun, false) || files.log.size() != 0) return;
            if (const auto undone = files.log.undo_rotation(); !undone)
                log::warning("console log: {}", undone.error().message());
        },
        nullptr);
}

void Console::keep_run() {
    on_disk([](Files& files) { files.run_begun = false; }, nullptr);
}

Result<void> Console::attach(DomainId domain, Mfn frame, EventPort port, bool resume) {
    SharedPage page = TRY(events_.hypervisor().map_page(domain, frame));
    ring_ = std::make_unique<ConsoleRing>(std::move(page));
    resume_ = resume;
    ending_ = false;
    auto bound = events_.bind(domain, port, [this] { ring_event(); });
    if (!bound) {
        ring_.reset();
        return std::unexpected(Error{bound.error()});
    }
    port_ = std::move(*bound);
    return {};
}

void Console::detach() {
    if (ring_ == nullptr) return;
    // The guest has stopped, so a full ring is the most that there can be; a hostile one gets a few rounds, not more.
    for (int round = 0; round < 4 && drain_once(); ++round) {
    }
    if (under_way_ != 0) save_last_words();
    port_ = {};
    ring_.reset();
    update_sessions();
}

// What the ring still holds goes after what is on its way.
void Console::save_last_words() {
    std::array<char, kConsoleOutputSize> buffer;
    const std::size_t there = ring_->peek(buffer);
    const std::size_t on_its_way = chunk_ ? std::min(std::exchange(chunk_->in_ring, 0), there) : 0;
    std::string words{buffer.data() + on_its_way, there - on_its_way};
    ring_->consume(static_cast<std::uint32_t>(there));
    on_disk([words = std::move(words)](Files& files) { files.log.append(words); }, nullptr);
}

void Console::ring_event() {
    if (ring_ == nullptr) return;
    constexpr int kRounds = 8;  // a guest that never stops writing waits for its next turn
    bool more = true;
    bool any = false;
    for (int round = 0; round < kRounds && more; ++round) {
        more = drain_once();
        any = any || more;
    }
    if (any) port_.notify();
    update_sessions();
    if (!more) return;
    loop_.post([weak = std::weak_ptr{alive_}] {
        if (const auto console = weak.lock()) (*console)->ring_event();
    });
}

// Moves what the ring holds now into the log. False when it held nothing, or the disk has not answered yet.
bool Console::drain_once() {
    if (under_way_ != 0) {
        out_of_patience_ ? drop_what_waits() : be_patient();
        return false;
    }
    take_up_ring();
    std::array<char, kConsoleOutputSize> buffer;
    const std::size_t there = ring_->peek(buffer);
    if (there == 0) return false;
    const auto chunk = std::make_shared<Chunk>();
    chunk->bytes.assign(buffer.data(), static_cast<std::size_t>(bucket_.take(there, loop_.now_ms())));
    chunk->consumer = ring_->output_consumer();
    chunk->in_ring = there;
    if (!chunk->bytes.empty() && dropped_untold_ > 0) {
        chunk->notice = fmt::format(
            "\r\n[hvctld: {} bytes dropped; the guest wrote more than {} a second, or its log had no "
            "room or was on a disk that did not answer]\r\n",
            dropped_untold_, config::format_size(rate_));
    }
    chunk_ = chunk;
    on_disk(
        [chunk](Files& files) {
            if (files.log.full() && files.log.rotate()) files.journal.set_rotated_in_run(true);
            // A log that cannot be rotated must not grow for ever.
            if (!files.log.ready() || files.log.full()) return;
            if (!chunk->notice.empty()) chunk->told = files.log.append(chunk->notice) != 0;
            files.journal.begin(files.log.size(), chunk->consumer, static_cast<std::uint32_t>(chunk->bytes.size()));
            chunk->logged = files.log.append(chunk->bytes);
        },
        [this, chunk, there] {
            if (chunk->told) dropped_untold_ = 0;
            if (chunk->in_ring != 0) ring_->consume(static_cast<std::uint32_t>(there));
            files_->journal.end();
            if (chunk->logged < there) note_dropped(there - chunk->logged);
            chunk_.reset();
        });
    if (under_way_ != 0) be_patient();
    return under_way_ == 0;
}

// A ring that this process has not looked at yet: what the last process had logged of it and not yet consumed comes
// first.
void Console::take_up_ring() {
    if (!resume_) return;
    std::uint32_t consumer = 0;
    if (*resume_ && files_->journal.interrupted(files_->log.size(), consumer)) ring_->resume_at(consumer);
    files_->journal.end();
    resume_.reset();
}

// The guest waits for room in its ring.
void Console::be_patient() {
    if (std::exchange(waits_, true)) return;
    patience_.start(kPatienceMs, [this] {
        out_of_patience_ = true;
        if (ring_ != nullptr && under_way_ != 0) drop_what_waits();
    });
}

void Console::drop_what_waits() {
    std::array<char, kConsoleOutputSize> buffer;
    const std::size_t there = ring_->peek(buffer);
    const std::size_t on_its_way = chunk_ ? std::min(std::exchange(chunk_->in_ring, 0), there) : 0;
    if (there == 0) return;
    ring_->consume(static_cast<std::uint32_t>(there));
    if (there > on_its_way) note_dropped(there - on_its_way);
    port_.notify();
}

void Console::note_dropped(std::uint64_t bytes) {
    if (dropped_untold_ == 0) log::warning("console log {}: output is being dropped", path_);
    dropped_untold_ += bytes;
    files_->journal.add_dropped(bytes);
}

void Console::update_sessions() {
    for (const auto& session : sessions_) session->update();
}

ConsoleSession* Console::writer() const {
    const auto found = std::ranges::find_if(sessions_, [](const auto& session) { return session->writer(); });
    return found == sessions_.end() ? nullptr : found->get();
}

Result<void> Console::room_for(ConsoleMode mode) const {
    if (mode == ConsoleMode::Write && writer() != nullptr) {
        return fail(ErrorId::Busy,
                    "another client writes to this console; attach read-only (mode \"read\") or take the "
                    "keyboard from it (mode \"steal\")");
    }
    if (sessions_.size() >= kMostSessions) {
        return fail(ErrorId::LimitReached,
                    fmt::format("{} clients are attached to this console; leave one of them (Ctrl-]), or read {}",
                                sessions_.size(), path_));
    }
    return {};
}

void Console::open(ConsoleMode mode, std::uint64_t history, Opened done) {
    if (auto room = room_for(mode); !room) return done(std::unexpected(std::move(room.error())));
    ask_disk<LogCursor>(
        [history](Files& files) {
            (void)files.log.reopen_if_gone();  // what is there can be read all the same
            return LogCursor::at_tail(files.log, history, files.journal.rotated_in_run());
        },
        [weak = std::weak_ptr{alive_}, mode, done = std::move(done)](Result<LogCursor> cursor) {
            const auto self = weak.lock();
            if (!self) return done(fail(ErrorId::NoSuchDomain, "the domain has been forgotten meanwhile"));
            if (!cursor) return done(std::unexpected(std::move(cursor.error())));
            done((*self)->attach_client(mode, std::move(*cursor)));
        });
}

Result<UniqueFd> Console::attach_client(ConsoleMode mode, LogCursor cursor) {
    TRY(room_for(mode));
    std::array<int, 2> ends{};
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) return fail_errno(errno, "socketpair");
    UniqueFd near{ends[0]};
    UniqueFd theirs{ends[1]};
    FdWatch ours = TRY(FdWatch::create(loop_, std::move(near)));
    if (ConsoleSession* const before = writer(); mode == ConsoleMode::Steal && before != nullptr) before->demote();
    auto session =
        std::make_unique<ConsoleSession>(*this, std::move(ours), std::move(cursor), mode != ConsoleMode::Read);
    if (ending_) session->end_after_log();
    sessions_.push_back(std::move(session));
    return theirs;
}

void Console::open_log(Opened done) {
    ask_disk<UniqueFd>([](Files& files) { return whole_run(files.log, files.journal.rotated_in_run()); },
                       std::move(done));
}

void Console::end_sessions() {
    ending_ = true;
    for (const auto& session : sessions_) session->end_after_log();
}

std::size_t Console::input_room() {
    return ring_ == nullptr ? 0 : ring_->input_room();
}

void Console::type(std::span<const char> bytes) {
    if (ring_ == nullptr) return;
    ring_->push_input(bytes);
    port_.notify();
}

void Console::finished(ConsoleSession& session) {
    // Destroyed from the loop: the session is in the middle of its own call.
    loop_.post([weak = std::weak_ptr{alive_}, which = &session] {
        const auto console = weak.lock();
        if (!console) return;
        std::erase_if((*console)->sessions_, [&](const auto& each) { return each.get() == which; });
    });
}

}  // namespace hvctld
