// The private socket: every connection is a bus of its own with the manager's object on it. No broker is needed.
// The number of connections is limited, but a client that may connect at all gets in: when all places are taken, the
// connection that has been silent the longest is closed. A client that does not introduce itself is let go.
#pragma once

#include <sys/types.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/files.hpp"
#include "bus/manager_object.hpp"

namespace hvctld::bus {

inline constexpr const char* kPrivateSocket = "/run/hvctl/bus";

class PrivateServer {
  public:
    struct Limits {
        std::size_t connections = 512;
        std::size_t per_process = 64;
        std::uint64_t grace_ms = 10'000;         // silent for less, a connection keeps its place
        std::uint64_t introduction_ms = 10'000;  // from connecting to the end of the handshake
    };
    // Creates the socket, mode 0600; a stale one is replaced.
    static Result<std::unique_ptr<PrivateServer>> create(Loop& loop, ManagerObject& object, std::string path,
                                                         Limits limits);
    static Result<std::unique_ptr<PrivateServer>> create(Loop& loop, ManagerObject& object, std::string path) {
        return create(loop, object, std::move(path), Limits{});
    }
    ~PrivateServer();
    PrivateServer(const PrivateServer&) = delete;
    PrivateServer& operator=(const PrivateServer&) = delete;

  private:
    struct Client {
        std::unique_ptr<Connection> connection;
        Slot peer_object;
        pid_t process;
        std::unique_ptr<Timer> introduction;
    };

    PrivateServer(Loop& loop, ManagerObject& object, std::string path, FdWatch socket, Limits limits);
    void accept();
    Result<void> serve(UniqueFd peer, pid_t process);
    void drop(Connection* connection);
    // The places that `process` has.
    [[nodiscard]] std::size_t places_of(pid_t process) const;
    // Ends the connection that has been silent the longest, and for `silent_ms` at least; of `process` alone if that
    // is given. False when there is none.
    bool make_room(std::optional<pid_t> process, std::uint64_t silent_ms, std::string_view why);
    // Accepts no connection for a moment.
    void pause(std::string_view why);

    Loop& loop_;
    ManagerObject& object_;
    std::string path_;
    FdWatch socket_;
    Limits limits_;
    Timer paused_;
    bool told_ = false;  // why no connection is accepted; once for each time
    std::map<Connection*, Client> connections_;
};

}  // namespace hvctld::bus
