#include "console/console.hpp"

#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "base/log.hpp"
#include "hvctl/try.hpp"

namespace hvctld {
namespace {

constexpr std::size_t kMostSessions = 64;  // each has descriptors

std::string journal_path(const ConsolePaths& paths, const std::string& name) {
    return fmt::format("{}/{}.journal", paths.journal_folder, name);
}

}  // namespace

Result<std::unique_ptr<Console>> Console::create(Loop& loop, EventHub& events, const ConsolePaths& paths,
                                                 const std::string& name, const config::ConsoleSettings& settings) {
    // A guest that runs has a console whatever the disks are like: its ring must be emptied.
    for (const std::string& folder : {paths.log_folder, paths.journal_folder}) {
        if (const auto made = make_folder(folder); !made) log::warning("{}", made.error().message());
    }
    ConsoleLog log = ConsoleLog::open(fmt::format("{}/{}.log", paths.log_folder, name), settings.log_size);
    if (const auto ready = log.ready(); !ready) log::error("console log: {}", ready.error().message());
    ConsoleJournal journal = TRY(ConsoleJournal::open(journal_path(paths, name)));
    if (!journal.kept()) {
        log::warning("{}: {} takes no file; should hvctld be killed, console output may be lost or logged twice", name,
                     paths.journal_folder);
    }
    return std::unique_ptr<Console>{new Console{loop, events, std::move(log), std::move(journal), settings}};
}

Console::Console(Loop& loop, EventHub& events, ConsoleLog log, ConsoleJournal journal,
                 const config::ConsoleSettings& settings)
    : loop_{loop},
      events_{events},
      log_{std::move(log)},
      journal_{std::move(journal)},
      bucket_{settings.log_rate, settings.log_burst},
      rate_{settings.log_rate},
      alive_{std::make_shared<Console*>(this)} {}

Console::~Console() = default;

void Console::forget(const ConsolePaths& paths, const std::string& name) {
    const std::string journal = journal_path(paths, name);
    if (unlink(journal.c_str()) == 0 || errno == ENOENT) return;
    log::warning("{}: {}", journal, std::strerror(errno));
}

Result<void> Console::logging() {
    return log_.ready();
}

void Console::begin_run() {
    ending_ = false;
    run_begun_ = true;
    (void)log_.reopen_if_gone();
    if (log_.size() == 0) return;
    if (const auto rotated = log_.rotate(); !rotated) log::warning("console log: {}", rotated.error().message());
    journal_.set_rotated_in_run(false);
}

void Console::abandon_run() {
    if (!std::exchange(run_begun_, false) || log_.size() != 0) return;
    if (const auto undone = log_.undo_rotation(); !undone) log::warning("console log: {}", undone.error().message());
}

Result<void> Console::attach(DomainId domain, Mfn frame, EventPort port, bool resume) {
    SharedPage page = TRY(events_.hypervisor().map_page(domain, frame));
    ring_ = std::make_unique<ConsoleRing>(std::move(page));
    std::uint32_t consumer = 0;
    if (resume && journal_.interrupted(log_.size(), consumer)) ring_->resume_at(consumer);
    journal_.end();
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
    port_ = {};
    ring_.reset();
    update_sessions();
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

// Moves what the ring holds now into the log. False when it held nothing.
bool Console::drain_once() {
    std::array<char, kConsoleOutputSize> buffer;
    const std::size_t there = ring_->peek(buffer);
    if (there == 0) return false;
    if (log_.full()) {
        if (const auto rotated = log_.rotate(); rotated) journal_.set_rotated_in_run(true);
    }
    // A log that cannot be rotated must not grow for ever.
    const bool stuck = !log_.ready() || log_.full();
    const auto allowed = stuck ? 0 : static_cast<std::uint32_t>(bucket_.take(there, loop_.now_ms()));
    if (allowed > 0 && dropped_untold_ > 0) {
        const std::string notice =
            fmt::format("\r\n[hvctld: {} bytes dropped; the guest wrote more than {} a second, or its log had no room]\r\n", dropped_untold_,
                        config::format_size(rate_));
        log_.append(notice);
        dropped_untold_ = 0;
    }
    journal_.begin(log_.size(), ring_->output_consumer(), allowed);
    const std::size_t logged = log_.append({buffer.data(), allowed});
    ring_->consume(static_cast<std::uint32_t>(there));
    journal_.end();
    if (logged < there) note_dropped(there - logged);
    return true;
}

void Console::note_dropped(std::uint64_t bytes) {
    if (dropped_untold_ == 0) log::warning("console log {}: output is being dropped", log_.path());
    dropped_untold_ += bytes;
    journal_.add_dropped(bytes);
}

void Console::update_sessions() {
    for (const auto& session : sessions_) session->update();
}

Result<UniqueFd> Console::open(ConsoleMode mode, std::uint64_t history) {
    const auto writer = std::ranges::find_if(sessions_, [](const auto& session) { return session->writer(); });
    if (mode == ConsoleMode::Write && writer != sessions_.end()) {
        return fail(ErrorId::Busy,
                    "another client writes to this console; attach read-only (mode \"read\") or take the "
                    "keyboard from it (mode \"steal\")");
    }
    if (sessions_.size() >= kMostSessions) {
        return fail(ErrorId::LimitReached,
                    fmt::format("{} clients are attached to this console; leave one of them (Ctrl-]), or read {}",
                                sessions_.size(), log_.path()));
    }
    std::array<int, 2> ends{};
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) return fail_errno(errno, "socketpair");
    UniqueFd near{ends[0]};
    UniqueFd theirs{ends[1]};
    FdWatch ours = TRY(FdWatch::create(loop_, std::move(near)));
    (void)log_.reopen_if_gone();  // what is there can be read all the same
    LogCursor cursor = TRY(LogCursor::at_tail(log_, history, journal_.rotated_in_run()));
    if (mode == ConsoleMode::Steal && writer != sessions_.end()) (*writer)->demote();
    auto session =
        std::make_unique<ConsoleSession>(*this, std::move(ours), std::move(cursor), mode != ConsoleMode::Read);
    if (ending_) session->end_after_log();
    sessions_.push_back(std::move(session));
    return theirs;
}

Result<UniqueFd> Console::open_log() const {
    UniqueFd current = TRY(log_.open_generation(log_.generation()));
    if (!journal_.rotated_in_run()) return current;
    // One run in two files: the client gets them as one.
    UniqueFd joined{memfd_create("console-log", MFD_CLOEXEC)};
    if (!joined) return fail_errno(errno, "memfd_create");
    const UniqueFd previous = TRY(log_.open_generation(log_.generation() - 1));
    for (const int part : {previous.get(), current.get()}) {
        while (sendfile(joined.get(), part, nullptr, 1 << 20) > 0) {
        }
    }
    lseek(joined.get(), 0, SEEK_SET);
    return joined;
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
