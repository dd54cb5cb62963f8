// A domain's console: ring to log, log to any number of readers, one writer's keys to the ring. It belongs to the
// domain's name, so that it lives through reboots of the guest and tells of guests that have ended.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/loop.hpp"
#include "config/settings.hpp"
#include "console/journal.hpp"
#include "console/log_file.hpp"
#include "console/ring.hpp"
#include "console/session.hpp"
#include "console/token_bucket.hpp"
#include "hypervisor/event_hub.hpp"

namespace hvctld {

enum class ConsoleMode : std::uint8_t { Read, Write, Steal };

struct ConsolePaths {
    std::string log_folder;      // NAME.log
    std::string journal_folder;  // NAME.journal, on a tmpfs
};

class Console final : public ConsoleSession::Owner {
  public:
    static Result<std::unique_ptr<Console>> create(Loop& loop, EventHub& events, const ConsolePaths& paths,
                                                   const std::string& name, const config::ConsoleSettings& settings);
    virtual ~Console();
    // The name is nobody's any more: its log stays, what only a running daemon needs goes.
    static void forget(const ConsolePaths& paths, const std::string& name);

    // Whether its log can be written; why not. Until it can, output is dropped.
    [[nodiscard]] Result<void> logging();
    // The domain is created afresh: its log starts empty, the old one is kept as NAME.log.1.
    void begin_run();
    // It never came to life: an empty log goes, and the one that was put aside is back in its place.
    void abandon_run();
    void keep_run() { run_begun_ = false; }
    // Serves the ring behind `frame`; the guest's event port is `port`. After a restart of the daemon `resume` skips
    // what the log has already.
    Result<void> attach(DomainId domain, Mfn frame, EventPort port, bool resume);
    // Takes what is left in the ring and lets the page go.
    void detach();
    [[nodiscard]] bool attached() const { return ring_ != nullptr; }

    // One end of a stream for a client, see OpenConsole in the bus's contract.
    Result<UniqueFd> open(ConsoleMode mode, std::uint64_t history);
    Result<UniqueFd> open_log() const;
    // No more output will come: clients are let go once they have read everything.
    void end_sessions();
    [[nodiscard]] std::size_t sessions() const { return sessions_.size(); }
    [[nodiscard]] std::uint64_t dropped() const { return journal_.dropped(); }

  private:
    Console(Loop& loop, EventHub& events, ConsoleLog log, ConsoleJournal journal,
            const config::ConsoleSettings& settings);

    const ConsoleLog& log() override { return log_; }
    std::size_t input_room() override;
    void type(std::span<const char> bytes) override;
    void finished(ConsoleSession& session) override;

    void ring_event();
    bool drain_once();
    void note_dropped(std::uint64_t bytes);
    void update_sessions();

    Loop& loop_;
    EventHub& events_;
    ConsoleLog log_;
    ConsoleJournal journal_;
    TokenBucket bucket_;
    std::uint64_t rate_;
    std::uint64_t dropped_untold_ = 0;
    std::unique_ptr<ConsoleRing> ring_;
    BoundPort port_;
    std::vector<std::unique_ptr<ConsoleSession>> sessions_;
    bool run_begun_ = false;  // and not known to live yet
    bool ending_ = true;  // no run yet: what is opened now ends after the log
    std::shared_ptr<Console*> alive_;
};

}  // namespace hvctld
