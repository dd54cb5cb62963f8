#include "console/session.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <string>

#include "console/raw_mode.hpp"
#include "console/replay.hpp"
#include "context.hpp"
#include "interrupts.hpp"

namespace hvctl::cli {
namespace {

// Keys that the guest has not taken yet. A terminal's keys beyond that are dropped, so that the leave key is always
// seen; a pipe is simply not read until there is room.
constexpr std::size_t kMaxPending = 64 * 1024;

class Session {
  public:
    Session(const SessionPorts& ports, RawMode& terminal) : ports_(ports), terminal_(terminal) {}

    Result<SessionEnd> run();

  private:
    const SessionPorts& ports_;
    RawMode& terminal_;
    Interrupts interrupts_{SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGCONT};
    Replay replay_{ports_.old};
    std::string pending_;
    std::optional<SessionEnd> end_;

    bool wants_input() const { return ports_.input_open && (terminal_.active() || pending_.size() < kMaxPending); }
    void read_keys();
    void send_keys();
    Result<void> show_output();
    Result<void> write_out(const char* data, std::size_t size) const;
    void take_signal();
};

void Session::read_keys() {
    std::array<char, 4096> buffer{};
    ssize_t got = read(ports_.input, buffer.data(), buffer.size());
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) return;
    if (got <= 0) {
        ports_.input_open = false;
        if (terminal_.active()) end_ = SessionEnd::Interrupted;  // the terminal itself has gone
        return;
    }
    std::string_view keys(buffer.data(), static_cast<std::size_t>(got));
    std::size_t leave = keys.find(kLeaveKey);
    if (leave != std::string_view::npos) end_ = SessionEnd::Left;
    if (ports_.writable && pending_.size() < kMaxPending) pending_ += keys.substr(0, leave);
}

void Session::send_keys() {
    while (!pending_.empty()) {
        ssize_t sent = send(ports_.stream, pending_.data(), pending_.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) continue;
        if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
        if (sent < 0) return pending_.clear();  // closed: reading will tell, after the last output
        pending_.erase(0, static_cast<std::size_t>(sent));
    }
}

Result<void> Session::write_out(const char* data, std::size_t size) const {
    while (size > 0) {
        ssize_t written = write(ports_.output, data, size);
        if (written < 0 && errno == EAGAIN) {  // another program has made the terminal non-blocking
            pollfd ready{ports_.output, POLLOUT, 0};
            poll(&ready, 1, -1);
            continue;
        }
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return output_failure(errno);
        data += written;
        size -= static_cast<std::size_t>(written);
    }
    return {};
}

Result<void> Session::show_output() {
    std::array<char, 16384> buffer{};
    ssize_t got = recv(ports_.stream, buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) return {};
    if (got <= 0) {
        end_ = SessionEnd::Closed;
        return {};
    }
    const std::string text = replay_.next({buffer.data(), static_cast<std::size_t>(got)});
    return write_out(text.data(), text.size());
}

void Session::take_signal() {
    int signal = interrupts_.take();
    if (signal == SIGTSTP) {
        terminal_.suspend();
        kill(getpid(), SIGSTOP);
        terminal_.resume();
    } else if (signal == SIGCONT) {  // stopped by another program, and the shell has used the terminal meanwhile
        terminal_.resume();
    } else if (signal != 0) {
        end_ = SessionEnd::Interrupted;
    }
}

Result<SessionEnd> Session::run() {
    while (!end_) {
        auto stream_events = static_cast<short>(pending_.empty() ? POLLIN : POLLIN | POLLOUT);
        std::array<pollfd, 4> polled = {
            pollfd{ports_.stream, stream_events, 0}, pollfd{interrupts_.descriptor(), POLLIN, 0},
            pollfd{wants_input() ? ports_.input : -1, POLLIN, 0}, pollfd{ports_.output, 0, 0}};
        if (poll(polled.data(), polled.size(), -1) < 0) continue;  // EINTR: a new window size, for one
        if (polled[1].revents != 0) take_signal();
        // The reader of the pipe has gone. A guest may be silent for hours: its next byte is no time to find out.
        if ((polled[3].revents & POLLERR) != 0) return output_failure(EPIPE);
        if (!end_ && polled[2].revents != 0) read_keys();
        send_keys();
        if (!end_ && (polled[0].revents & (POLLIN | POLLHUP | POLLERR)) != 0) TRY(show_output());
    }
    return *end_;
}

}  // namespace

Result<SessionEnd> run_session(const SessionPorts& ports, RawMode& terminal) {
    return Session(ports, terminal).run();
}

}  // namespace hvctl::cli
