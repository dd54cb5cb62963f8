#include "bus/private_server.hpp"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <systemd/sd-id128.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

#include "base/log.hpp"
#include "bus/peer_object.hpp"
#include "hvctl/try.hpp"

namespace hvctld::bus {
namespace {

constexpr int kSendBufferBytes = 128 * 1024;

Result<UniqueFd> listen_on(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof(address.sun_path))
        return fail(ErrorId::InvalidArgument, fmt::format("{}: too long for a socket's path", path));
    std::memcpy(address.sun_path, path.c_str(), path.size());
    TRY(make_folder(std::filesystem::path{path}.parent_path().string()));
    UniqueFd socket{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
    if (!socket) return fail_errno(errno, "socket");
    (void)unlink(path.c_str());
    const mode_t before = umask(0177);
    const int bound = bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
    const int problem = errno;
    umask(before);
    if (bound != 0) return fail_errno(problem, path);
    if (listen(socket.get(), SOMAXCONN) != 0) return fail_errno(errno, path);
    return socket;
}

Result<Bus> start_server_bus(UniqueFd peer) {
    sd_bus* raw = nullptr;
    if (const int status = sd_bus_new(&raw); status < 0) return fail_errno(-status, "sd_bus_new");
    Bus bus{raw};
    sd_id128_t id{};
    int status = sd_id128_randomize(&id);
    const int fd = peer.release();  // the bus's from here on, also when a step fails after the next one
    if (status >= 0) status = sd_bus_set_fd(raw, fd, fd);
    if (status < 0) {
        ::close(fd);
        return fail_errno(-status, "client connection");
    }
    if (status >= 0) status = sd_bus_set_server(raw, 1, id);
    if (status >= 0) status = sd_bus_set_anonymous(raw, 0);
    if (status >= 0) status = sd_bus_negotiate_fds(raw, 1);
    if (status >= 0) status = sd_bus_negotiate_creds(raw, 1, SD_BUS_CREDS_PID | SD_BUS_CREDS_UID | SD_BUS_CREDS_EUID);
    if (status >= 0) status = sd_bus_set_sender(raw, "org.hvctl1");
    if (status >= 0) status = sd_bus_start(raw);
    if (status < 0) return fail_errno(-status, "client connection");
    // sd-bus takes 8 MiB of the kernel's memory for what a client does not read.
    const int bytes = kSendBufferBytes;
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
    return bus;
}

}  // namespace

Result<std::unique_ptr<PrivateServer>> PrivateServer::create(Loop& loop, ManagerObject& object, std::string path,
                                                             Limits limits) {
    FdWatch socket = TRY(FdWatch::create(loop, TRY(listen_on(path))));
    return std::unique_ptr<PrivateServer>{new PrivateServer{loop, object, std::move(path), std::move(socket), limits}};
}

PrivateServer::PrivateServer(Loop& loop, ManagerObject& object, std::string path, FdWatch socket, Limits limits)
    : loop_{loop}, object_{object}, path_{std::move(path)}, socket_{std::move(socket)}, limits_{limits}, paused_{loop} {
    socket_.start(UV_READABLE, [this](int) { accept(); });
}

PrivateServer::~PrivateServer() {
    (void)unlink(path_.c_str());
    for (const auto& [connection, client] : connections_) object_.remove(*connection);
}

// A client for which there is no place waits in the socket's queue: accepting and hanging up would tell it nothing.
void PrivateServer::accept() {
    if (connections_.size() >= limits_.connections && !make_room({}, limits_.grace_ms, "all places are taken"))
        return pause("all places are taken");
    UniqueFd peer{accept4(socket_.fd(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK)};
    if (!peer) {
        const int problem = errno;
        if (problem == EAGAIN || problem == EINTR || problem == ECONNABORTED) return;
        // Above all, no descriptor is left: the loop would ask again at once, and for ever.
        make_room({}, limits_.grace_ms, std::strerror(problem));
        return pause(std::strerror(problem));
    }
    told_ = false;
    ucred credentials{};
    socklen_t size = sizeof credentials;
    const bool known = getsockopt(peer.get(), SOL_SOCKET, SO_PEERCRED, &credentials, &size) == 0;
    if (!known || (credentials.uid != 0 && credentials.uid != geteuid())) {
        log::warning("{}: refused a connection of user {}", path_, credentials.uid);
        return;
    }
    if (places_of(credentials.pid) >= limits_.per_process) make_room(credentials.pid, 0, "it has too many");
    if (const auto served = serve(std::move(peer), credentials.pid); !served)
        log::warning("{}: {}", path_, served.error().message());
}

Result<void> PrivateServer::serve(UniqueFd peer, pid_t process) {
    Bus bus = TRY(start_server_bus(std::move(peer)));
    const auto key = std::make_shared<Connection*>(nullptr);
    auto connection = TRY(Connection::create(loop_, std::move(bus), [this, key] { drop(*key); }));
    *key = connection.get();
    Slot peer_object = TRY(add_peer_object(*connection));
    TRY(object_.add(*connection));
    Connection* raw = connection.get();
    auto introduction = std::make_unique<Timer>(loop_);
    introduction->start(limits_.introduction_ms, [this, raw, process] {
        if (sd_bus_is_ready(raw->get()) > 0) return;
        log::warning("{}: process {} connected and did not introduce itself", path_, process);
        drop(raw);
    });
    connections_[raw] = {std::move(connection), std::move(peer_object), process, std::move(introduction)};
    raw->update();
    return {};
}

void PrivateServer::drop(Connection* connection) {
    object_.remove(*connection);
    connections_.erase(connection);
    if (told_) paused_.start(0, [this] { socket_.change(UV_READABLE); });
}

std::size_t PrivateServer::places_of(pid_t process) const {
    return static_cast<std::size_t>(
        std::ranges::count_if(connections_, [process](const auto& entry) { return entry.second.process == process; }));
}

bool PrivateServer::make_room(std::optional<pid_t> process, std::uint64_t silent_ms, std::string_view why) {
    Connection* longest = nullptr;
    // One that waits for a job is silent with good reason; it goes when there is no other.
    const auto rank = [this](Connection& each) { return std::pair{object_.waiting(each) > 0, each.heard_ms()}; };
    for (const auto& [each, client] : connections_) {
        if ((process && client.process != *process) || each->heard_ms() + silent_ms > loop_.now_ms()) continue;
        if (longest == nullptr || rank(*each) < rank(*longest)) longest = each;
    }
    if (longest == nullptr) return false;
    const pid_t owner = connections_.at(longest).process;
    log::warning("{}: {}: closed the connection of process {} that was silent for {} s; it had {} of {}", path_, why,
                 owner, (loop_.now_ms() - longest->heard_ms()) / 1000, places_of(owner), connections_.size());
    object_.refuse_waiting(*longest, {ErrorId::LimitReached, fmt::format("{} clients are connected to hvctld, and this "
                                                                         "one was silent; the job goes on",
                                                                         connections_.size())});
    drop(longest);
    return true;
}

void PrivateServer::pause(std::string_view why) {
    constexpr std::uint64_t kPauseMs = 500;
    if (!std::exchange(told_, true)) log::warning("{}: no new connection is accepted for now: {}", path_, why);
    socket_.stop();
    paused_.start(kPauseMs, [this] { socket_.change(UV_READABLE); });
}

}  // namespace hvctld::bus
