// One client attached to a console: a cursor in the log and one end of a socket pair. Holds no output of its own, so a
// client that does not read costs nothing but its place.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>

#include "base/loop.hpp"
#include "console/log_file.hpp"

namespace hvctld {

class ConsoleSession {
  public:
    // What a session needs from its console.
    class Owner {
      public:
        virtual const ConsoleLog& log() = 0;
        // Whether the log can be read now; otherwise update() is called when it can.
        [[nodiscard]] virtual bool readable() const = 0;
        // Has the cursor fetch what comes next.
        virtual void fetch(const std::shared_ptr<LogCursor>& cursor) = 0;
        // Room for typed bytes, and their way to the guest.
        virtual std::size_t input_room() = 0;
        virtual void type(std::span<const char> bytes) = 0;
        // The session is over; the owner destroys it, not before the call returns.
        virtual void finished(ConsoleSession& session) = 0;

      protected:
        ~Owner() = default;
    };

    // `socket` watches our end of the pair.
    ConsoleSession(Owner& owner, FdWatch socket, LogCursor cursor, bool writer);

    [[nodiscard]] bool writer() const { return writer_; }
    // Takes the keyboard away and tells the client.
    void demote();
    // The log has grown, or the ring has room again.
    void update();
    // Ends once everything in the log has been passed on.
    void end_after_log();

  private:
    void ready(int events);
    bool send_pending();
    std::optional<std::size_t> next_piece(std::span<char> buffer);
    void receive();
    void finish();

    Owner& owner_;
    FdWatch socket_;
    std::shared_ptr<LogCursor> cursor_;  // the disk's thread's while the log is not readable
    std::string notice_;                 // to be sent before more of the log
    bool writer_;
    bool ending_ = false;
    bool finished_ = false;
};

}  // namespace hvctld
