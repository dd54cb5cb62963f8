#include "bus/private_server.hpp"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <systemd/sd-id128.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "base/log.hpp"
#include "bus/peer_object.hpp"
#include "hvctl/try.hpp"

namespace hvctld::bus {
namespace {

constexpr std::size_t kMostConnections = 128;

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
    return bus;
}

}  // namespace

Result<std::unique_ptr<PrivateServer>> PrivateServer::create(Loop& loop, ManagerObject& object, std::string path) {
    UniqueFd socket = TRY(listen_on(path));
    return std::unique_ptr<PrivateServer>{new PrivateServer{loop, object, std::move(path), std::move(socket)}};
}

PrivateServer::PrivateServer(Loop& loop, ManagerObject& object, std::string path, UniqueFd socket)
    : loop_{loop}, object_{object}, path_{std::move(path)}, socket_{std::move(socket)}, watch_{loop, socket_.get()} {
    watch_.start(UV_READABLE, [this](int) { accept(); });
}

PrivateServer::~PrivateServer() {
    (void)unlink(path_.c_str());
    for (const auto& [connection, client] : connections_) object_.remove(*connection);
}

void PrivateServer::accept() {
    UniqueFd peer{accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK)};
    if (!peer) return;
    ucred credentials{};
    socklen_t size = sizeof credentials;
    const bool known = getsockopt(peer.get(), SOL_SOCKET, SO_PEERCRED, &credentials, &size) == 0;
    if (!known || (credentials.uid != 0 && credentials.uid != geteuid())) {
        log::warning("{}: refused a connection of user {}", path_, credentials.uid);
        return;
    }
    if (connections_.size() >= kMostConnections) {
        log::warning("{}: refused a connection: {} are open", path_, connections_.size());
        return;
    }
    if (const auto served = serve(std::move(peer)); !served) log::warning("{}: {}", path_, served.error().message());
}

Result<void> PrivateServer::serve(UniqueFd peer) {
    Bus bus = TRY(start_server_bus(std::move(peer)));
    const auto key = std::make_shared<Connection*>(nullptr);
    auto connection = std::make_unique<Connection>(loop_, std::move(bus), [this, key] { drop(*key); });
    *key = connection.get();
    Slot peer_object = TRY(add_peer_object(*connection));
    TRY(object_.add(*connection));
    Connection* raw = connection.get();
    connections_[raw] = {std::move(connection), std::move(peer_object)};
    raw->update();
    return {};
}

void PrivateServer::drop(Connection* connection) {
    object_.remove(*connection);
    connections_.erase(connection);
}

}  // namespace hvctld::bus
