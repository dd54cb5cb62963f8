// A domain's console: ring to log, log to any number of readers, one writer's keys to the ring. It belongs to the
// domain's name, so that it lives through reboots of the guest and tells of guests that have ended.
//
// The loop never waits for the log's disk. While that does not answer, output stays in the ring; when it has not
// answered for some seconds, output is dropped, so that the guest goes on.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/disk_thread.hpp"
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
    static Result<std::unique_ptr<Console>> create(Loop& loop, DiskThread& disk, EventHub& events,
                                                   const ConsolePaths& paths, const std::string& name,
                                                   const config::ConsoleSettings& settings);
    virtual ~Console();
    // How long a client waits for the disk. A machine that is busy is no disk that does not answer.
    static constexpr std::uint64_t kAnswerMs = 10'000;
    // No domain has the name any more: its log stays, what only a running daemon needs goes.
    static void forget(const ConsolePaths& paths, const std::string& name);
    // The files of a name that has no console now; waits for the disk. What is there under the new name goes.
    static void move_files(const ConsolePaths& paths, const std::string& before, const std::string& now);
    // Its domain has another name, and so have its files, as soon as the disk answers.
    void rename(const ConsolePaths& paths, const std::string& name);

    // The domain is about to be created: `done` hears whether its log can be written, or why not, when the disk has
    // answered. `anew`: the log starts empty, the old one is kept as NAME.log.1.
    void prepare_run(bool anew, std::function<void(const Result<void>&)> done);
    // It never came to life: an empty log goes, and the one that was put aside is back in its place.
    void abandon_run();
    void keep_run();
    // Serves the ring in `frame`; the guest's event port is `port`. After a restart of the daemon `resume` skips
    // what the log has already.
    Result<void> attach(DomainId domain, Mfn frame, EventPort port, bool resume);
    // Takes what is left in the ring and lets the page go.
    void detach();
    [[nodiscard]] bool attached() const { return ring_ != nullptr; }

    // Hears what came of it: within the call, or when the disk has answered or kAnswerMs have passed.
    using Opened = std::function<void(Result<UniqueFd>)>;
    // One end of a stream for a client, see OpenConsole in the bus's contract.
    void open(ConsoleMode mode, std::uint64_t history, Opened done);
    void open_log(Opened done);
    // No more output will come: clients are let go once they have read everything.
    void end_sessions();
    [[nodiscard]] std::size_t sessions() const { return sessions_.size(); }
    [[nodiscard]] std::uint64_t dropped() const { return files_->journal.dropped(); }
    // For tests: the disk has not answered yet.
    [[nodiscard]] bool waits_for_disk() const { return under_way_ != 0; }

  private:
    // The thread's while something is under way, but for the journal's dropped().
    struct Files {
        ConsoleLog log;
        ConsoleJournal journal;
        bool run_begun = false;  // and not known to live yet
    };
    // A piece of the ring on its way to the log.
    struct Chunk {
        std::string notice;  // comes before it
        std::string bytes;   // as much of it as may be logged
        std::uint32_t consumer = 0;
        std::size_t in_ring = 0;  // bytes of the ring that it stands for; 0 when these have been given up
        std::size_t logged = 0;
        bool told = false;
    };

    Console(Loop& loop, DiskThread& disk, EventHub& events, const ConsolePaths& paths, const std::string& name,
            ConsoleJournal journal, const config::ConsoleSettings& settings);

    const ConsoleLog& log() override { return files_->log; }
    [[nodiscard]] bool readable() const override { return under_way_ == 0; }
    void fetch(const std::shared_ptr<LogCursor>& cursor) override;
    std::size_t input_room() override;
    void type(std::span<const char> bytes) override;
    void finished(ConsoleSession& session) override;

    // `work` has the files; `then` follows on the loop, within this call if the disk is quick.
    void on_disk(std::function<void(Files&)> work, std::function<void()> then,
                 DiskThread::Wait wait = DiskThread::Wait::IfQuick);
    // `work` finds out what a client waits for; `then` has it, or what is to be told instead.
    template <class T>
    void ask_disk(std::function<Result<T>(Files&)> work, std::function<void(Result<T>)> then);
    // Whether one more client may attach; checked again when the disk has answered.
    [[nodiscard]] Result<void> room_for(ConsoleMode mode) const;
    [[nodiscard]] ConsoleSession* writer() const;
    Result<UniqueFd> attach_client(ConsoleMode mode, LogCursor cursor);
    [[nodiscard]] Error silence() const;
    void disk_answered();

    void ring_event();
    bool drain_once();
    void take_up_ring();
    void save_last_words();
    void be_patient();
    void drop_what_waits();
    void note_dropped(std::uint64_t bytes);
    void update_sessions();

    Loop& loop_;
    DiskThread& disk_;
    EventHub& events_;
    std::string path_;  // of the log, for messages
    std::string name_;
    std::shared_ptr<Files> files_;
    std::size_t under_way_ = 0;  // pieces of work on the files
    bool waited_for_ = false;    // something had to do without them
    std::shared_ptr<Chunk> chunk_;
    Timer patience_;
    bool waits_ = false;
    bool out_of_patience_ = false;
    TokenBucket bucket_;
    std::uint64_t rate_;
    std::uint64_t dropped_untold_ = 0;
    std::unique_ptr<ConsoleRing> ring_;
    std::optional<bool> resume_;  // a ring that has not been looked at: whether it was served before
    BoundPort port_;
    std::vector<std::unique_ptr<ConsoleSession>> sessions_;
    bool ending_ = true;  // no run yet: what is opened now ends after the log
    std::shared_ptr<Console*> alive_;
};

}  // namespace hvctld
