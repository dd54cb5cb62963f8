// Serves the store to Dom0's programs on a UNIX stream socket, on the caller's libuv loop.
#pragma once

#include <sys/types.h>

#include <expected>
#include <memory>
#include <string>

struct uv_loop_s;

namespace hvctld::store {

class Store;

// Where libxenstore looks when neither XENSTORED_PATH nor XENSTORED_RUNDIR is set; /var/run is /run.
inline constexpr const char* kDefaultSocketPath = "/run/xenstored/socket";

class SocketServer final {
  public:
    // Creates the socket (mode 0600, its folder 0755 if missing; a stale socket is replaced). Peers must be root or
    // `allowed_user`. The text of the error names the path. Sets SIGPIPE to be ignored. The store and the loop must
    // outlive the server.
    static std::expected<std::unique_ptr<SocketServer>, std::string> create(uv_loop_s* loop, Store& store,
                                                                            std::string path = kDefaultSocketPath,
                                                                            uid_t allowed_user = 0);
    // Closes every client. The loop must run once more afterwards so that libuv can finish the handles.
    ~SocketServer();
    SocketServer(const SocketServer&) = delete;
    SocketServer& operator=(const SocketServer&) = delete;

    std::size_t client_count() const;

  private:
    class Impl;
    explicit SocketServer(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace hvctld::store
