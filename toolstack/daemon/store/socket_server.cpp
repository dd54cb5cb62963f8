#include "store/socket_server.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <uv.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <list>

#include <fmt/format.h>

#include "store/engine.hpp"
#include "store/socket_client.hpp"
#include "store/store.hpp"

namespace hvctld::store {

class SocketServer::Impl {
  public:
    Impl(Store& store, std::string path, uid_t allowed_user)
        : engine_(store.engine()), path_(std::move(path)), allowed_user_(allowed_user) {}
    ~Impl();
    std::expected<void, std::string> listen(uv_loop_t* loop);
    std::size_t client_count() const { return clients_.size(); }

  private:
    static void on_connection(uv_stream_t* server, int status);
    void accept();
    bool peer_allowed(uv_pipe_t* pipe) const;

    Engine& engine_;
    std::string path_;
    uid_t allowed_user_;
    uv_pipe_t* listener_ = nullptr;
    std::list<std::unique_ptr<SocketClient>> clients_;
};

namespace {

constexpr int kBacklog = 64;
constexpr std::size_t kMostClients = 512;  // a client that watches is silent, so none is closed in favour of another

void delete_pipe(uv_handle_t* handle) {
    delete reinterpret_cast<uv_pipe_t*>(handle);
}
uv_handle_t* as_handle(uv_pipe_t* pipe) {
    return reinterpret_cast<uv_handle_t*>(pipe);
}
uv_stream_t* as_stream(uv_pipe_t* pipe) {
    return reinterpret_cast<uv_stream_t*>(pipe);
}

// Does a server answer there? A socket file that a killed daemon left behind does not.
bool is_served(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return false;
    const int result = ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address);
    const bool served = result == 0 || errno == EAGAIN;
    ::close(fd);
    return served;
}

}  // namespace

SocketServer::Impl::~Impl() {
    clients_.clear();
    if (listener_ == nullptr) return;
    listener_->data = nullptr;
    uv_close(as_handle(listener_), delete_pipe);  // libuv removes the socket file
}

std::expected<void, std::string> SocketServer::Impl::listen(uv_loop_t* loop) {
    const auto failure = [&](std::string_view what, std::string_view why) {
        return std::unexpected{fmt::format("store socket {}: cannot {}: {}", path_, what, why)};
    };
    if (path_.size() >= sizeof(sockaddr_un::sun_path)) {
        return failure("use this path", fmt::format("it has {} bytes, the kernel allows {}", path_.size(),
                                                    sizeof(sockaddr_un::sun_path) - 1));
    }
    const std::string folder = path_.substr(0, path_.rfind('/'));
    if (!folder.empty() && ::mkdir(folder.c_str(), 0755) != 0 && errno != EEXIST) {
        return failure("create its folder", std::strerror(errno));
    }
    struct stat status {};
    if (::lstat(path_.c_str(), &status) == 0) {
        if (!S_ISSOCK(status.st_mode)) return failure("create it", "something that is not a socket is in its place");
        if (is_served(path_)) return failure("create it", "another xenstore server answers there; stop it first");
        ::unlink(path_.c_str());
    }
    listener_ = new uv_pipe_t;
    uv_pipe_init(loop, listener_, 0);
    listener_->data = this;
    // No process may connect before the mode is right, so it is right from the start.
    const mode_t old_mask = ::umask(0177);
    int result = uv_pipe_bind(listener_, path_.c_str());
    ::umask(old_mask);
    if (result == 0) result = uv_listen(as_stream(listener_), kBacklog, on_connection);
    if (result != 0) return failure("listen", uv_strerror(result));
    return {};
}

void SocketServer::Impl::on_connection(uv_stream_t* server, int status) {
    auto* const self = static_cast<Impl*>(server->data);
    if (self != nullptr && status == 0) self->accept();
}

bool SocketServer::Impl::peer_allowed(uv_pipe_t* pipe) const {
    uv_os_fd_t fd = -1;
    ucred peer{};
    socklen_t size = sizeof peer;
    if (uv_fileno(as_handle(pipe), &fd) != 0) return false;
    if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return false;
    return peer.uid == 0 || peer.uid == allowed_user_;
}

void SocketServer::Impl::accept() {
    auto* const pipe = new uv_pipe_t;
    uv_pipe_init(listener_->loop, pipe, 0);
    pipe->data = nullptr;
    const auto refuse = [&](std::string why) {
        engine_.log().limited(kDom0, LogLevel::Warning,
                              [&] { return fmt::format("store socket: refused a connection{}", why); });
        uv_close(as_handle(pipe), delete_pipe);
    };
    if (const int status = uv_accept(as_stream(listener_), as_stream(pipe)); status != 0)
        return refuse(fmt::format(": {}", uv_strerror(status)));
    if (!peer_allowed(pipe)) return refuse(" of a user other than root");
    if (clients_.size() >= kMostClients) return refuse(fmt::format(": {} are open", clients_.size()));
    const auto gone = [this](SocketClient& client) {
        std::erase_if(clients_, [&](const auto& other) { return other.get() == &client; });
    };
    clients_.push_back(std::make_unique<SocketClient>(engine_, pipe, gone));
    clients_.back()->start();
}

SocketServer::SocketServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
SocketServer::~SocketServer() = default;

std::expected<std::unique_ptr<SocketServer>, std::string> SocketServer::create(uv_loop_s* loop, Store& store,
                                                                               std::string path, uid_t allowed_user) {
    // libuv writes with write(): a client that left would otherwise end the process.
    std::signal(SIGPIPE, SIG_IGN);
    auto impl = std::make_unique<Impl>(store, std::move(path), allowed_user);
    if (const auto listening = impl->listen(loop); !listening) return std::unexpected{listening.error()};
    return std::unique_ptr<SocketServer>{new SocketServer{std::move(impl)}};
}

std::size_t SocketServer::client_count() const {
    return impl_->client_count();
}

}  // namespace hvctld::store
