#include "bus/connection.hpp"

#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <ctime>

#include "base/log.hpp"
#include "hvctl/try.hpp"

namespace hvctld::bus {
namespace {

constexpr int kMessagesPerRound = 32;  // one client must not keep the others waiting
// A client with this many messages to be read gets no further call served until it has read some...
constexpr std::uint64_t kHoldQueued = 64;
// ... and with this many, as signals alone may cause, the connection is closed. sd-bus's own limit is hundreds of
// thousands.
constexpr std::uint64_t kMostQueued = 1024;
constexpr std::uint64_t kStalledMs = 60'000;  // without one message taken

std::uint64_t monotonic_us() {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<std::uint64_t>(now.tv_sec) * 1000000 + static_cast<std::uint64_t>(now.tv_nsec) / 1000;
}

// Whether the other side has sent descriptors. No method takes any, and sd-bus, which takes them in, does not
// close those of a message that it finds malformed.
bool sends_descriptors(int fd) {
    static std::array<char, 256 * 1024> ignored;  // more than a socket holds by default
    iovec part{.iov_base = ignored.data(), .iov_len = ignored.size()};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    return recvmsg(fd, &message, MSG_PEEK | MSG_DONTWAIT) > 0 && (message.msg_flags & MSG_CTRUNC) != 0;
}

}  // namespace

Result<std::unique_ptr<Connection>> Connection::create(Loop& loop, Bus bus, std::function<void()> closed) {
    const int fd = sd_bus_get_fd(bus.get());
    if (fd < 0) return fail_errno(-fd, "bus connection");
    FdWatch watch = TRY(FdWatch::duplicate(loop, fd));
    return std::unique_ptr<Connection>{new Connection{loop, std::move(bus), std::move(watch), std::move(closed)}};
}

Connection::Connection(Loop& loop, Bus bus, FdWatch watch, std::function<void()> closed)
    : loop_{loop},
      bus_{std::move(bus)},
      closed_{std::move(closed)},
      watch_{std::move(watch)},
      timer_{loop},
      stalled_{loop},
      heard_ms_{loop.now_ms()},
      alive_{std::make_shared<Connection*>(this)} {
    watch_.start(UV_READABLE, [this](int events) { ready(events); });
    update();
}

Connection::~Connection() = default;

// Messages that wait for the other side; none as long as it has not introduced itself, which must not be held up.
std::uint64_t Connection::queued() const {
    std::uint64_t count = 0;
    if (sd_bus_is_ready(bus_.get()) <= 0 || sd_bus_get_n_queued_write(bus_.get(), &count) < 0) return 0;
    return count;
}

void Connection::ready(int events) {
    const auto any = [events](int which) { return events < 0 || (events & which) != 0; };
    if (any(UV_READABLE)) heard_ms_ = loop_.now_ms();
    if (any(UV_WRITABLE)) watch_progress(false);
    process(any(UV_WRITABLE | UV_DISCONNECT));
}

// `writable`: sd-bus, which writes before it reads, makes room, or finds that the client is gone.
void Connection::process(bool writable) {
    const std::weak_ptr<Connection*> weak = alive_;
    for (int i = 0; i < kMessagesPerRound; ++i) {
        if (!writable && queued() >= kHoldQueued) break;
        // A broker checks what it passes on, and is not to blame for what its clients send.
        if (sd_bus_is_server(bus_.get()) > 0 && sends_descriptors(watch_.fd())) {
            log::warning("bus: closed a connection whose client sends descriptors, of which no call takes any");
            return lost();
        }
        const int more = sd_bus_process(bus_.get(), nullptr);
        if (weak.expired()) return;
        if (more < 0) return lost();
        if (more == 0) break;
        writable = false;
    }
    update();
}

void Connection::update() {
    if (lost_) return;
    const int wanted = sd_bus_get_events(bus_.get());
    const std::uint64_t waiting = queued();
    std::uint64_t deadline = UINT64_MAX;
    if (wanted < 0 || sd_bus_get_timeout(bus_.get(), &deadline) < 0) return lost();
    if (waiting >= kMostQueued) {
        log::warning("bus: closed a connection whose client does not read its messages: {} wait", waiting);
        return lost();
    }
    watch_progress(waiting > 0);
    const bool serve = waiting < kHoldQueued;
    watch_.change((serve && (wanted & POLLIN) != 0 ? UV_READABLE : 0) | ((wanted & POLLOUT) != 0 ? UV_WRITABLE : 0) |
                  UV_DISCONNECT);
    timer_.stop();
    if (deadline == UINT64_MAX || !serve) return;
    const std::uint64_t now = monotonic_us();
    timer_.start(deadline > now ? (deadline - now) / 1000 + 1 : 0, [this] { process(false); });
}

void Connection::watch_progress(bool waiting) {
    if (std::exchange(waiting_, waiting) == waiting) return;
    if (!waiting) return stalled_.stop();
    stalled_.start(kStalledMs, [this] {
        log::warning("bus: closed a connection whose client has read nothing for {} s", kStalledMs / 1000);
        lost();
    });
}

void Connection::lost() {
    if (lost_) return;
    lost_ = true;
    watch_.stop();
    timer_.stop();
    stalled_.stop();
    loop_.post([weak = std::weak_ptr{alive_}] {
        const auto connection = weak.lock();
        if (!connection) return;
        const auto closed = (*connection)->closed_;  // a copy: it destroys the connection
        closed();
    });
}

}  // namespace hvctld::bus
