#include "console/session.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace hvctld {
namespace {

constexpr std::size_t kChunk = 4096;
constexpr int kChunksPerRound = 16;  // then others have their turn
constexpr const char* kSkippedNotice = "\r\n[hvctld: output was skipped because this client did not keep up]\r\n";
constexpr const char* kStolenNotice = "\r\n[hvctld: another client has taken the keyboard]\r\n";

}  // namespace

ConsoleSession::ConsoleSession(Owner& owner, FdWatch socket, LogCursor cursor, bool writer)
    : owner_{owner},
      socket_{std::move(socket)},
      cursor_{std::make_shared<LogCursor>(std::move(cursor))},
      writer_{writer} {
    socket_.start(UV_READABLE | UV_WRITABLE, [this](int events) { ready(events); });
}

void ConsoleSession::demote() {
    writer_ = false;
    notice_ += kStolenNotice;
    update();
}

// Everything is done from the loop's readiness events, so that neither side can make the other recurse.
void ConsoleSession::update() {
    if (finished_) return;
    const bool listen = !writer_ || owner_.input_room() > 0;
    socket_.change(UV_WRITABLE | UV_DISCONNECT | (listen ? UV_READABLE : 0));
}

void ConsoleSession::end_after_log() {
    ending_ = true;
    update();
}

void ConsoleSession::ready(int events) {
    if (events < 0 || (events & UV_DISCONNECT) != 0) return finish();
    if ((events & UV_READABLE) != 0) receive();
    if (finished_) return;
    bool more = true;
    if ((events & UV_WRITABLE) != 0) more = send_pending();
    if (finished_) return;
    const bool listen = !writer_ || owner_.input_room() > 0;
    socket_.change(UV_DISCONNECT | (more ? UV_WRITABLE : 0) | (listen ? UV_READABLE : 0));
}

// What comes next in the log; nothing while the disk has not answered.
std::optional<std::size_t> ConsoleSession::next_piece(std::span<char> buffer) {
    if (!owner_.readable()) return std::nullopt;
    if (const auto there = cursor_->read(owner_.log(), buffer)) return there;
    owner_.fetch(cursor_);
    if (!owner_.readable()) return std::nullopt;
    return cursor_->read(owner_.log(), buffer).value_or(0);
}

// True while there may be more to send.
bool ConsoleSession::send_pending() {
    for (int round = 0; round < kChunksPerRound; ++round) {
        std::array<char, kChunk> buffer;
        std::span<const char> bytes{notice_};
        const bool from_log = notice_.empty();
        if (from_log) {
            const auto there = next_piece(buffer);
            if (!there) return false;
            bytes = {buffer.data(), *there};
            if (cursor_->take_skipped()) {
                cursor_->rewind(bytes.size());
                notice_ = kSkippedNotice;
                continue;
            }
        }
        if (bytes.empty()) {
            if (ending_) finish();
            return false;
        }
        const ssize_t sent = send(socket_.fd(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
        const auto done = static_cast<std::size_t>(std::max<ssize_t>(sent, 0));
        if (from_log) {
            cursor_->rewind(bytes.size() - done);
        } else {
            notice_.erase(0, done);
        }
        if (sent < 0 && errno != EAGAIN && errno != EINTR) {
            finish();
            return false;
        }
        if (done < bytes.size()) return true;
    }
    return true;
}

void ConsoleSession::receive() {
    std::array<char, kChunk> buffer;
    const std::size_t room = writer_ ? std::min(owner_.input_room(), buffer.size()) : buffer.size();
    if (room == 0) return;
    const ssize_t got = recv(socket_.fd(), buffer.data(), room, MSG_DONTWAIT);
    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) return finish();
    if (got > 0 && writer_) owner_.type({buffer.data(), static_cast<std::size_t>(got)});
}

void ConsoleSession::finish() {
    if (finished_) return;
    finished_ = true;
    socket_.stop();
    owner_.finished(*this);
}

}  // namespace hvctld
