// The private socket: every connection is a bus of its own with the manager's object on it. No broker is needed.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "base/files.hpp"
#include "bus/manager_object.hpp"

namespace hvctld::bus {

inline constexpr const char* kPrivateSocket = "/run/hvctl/bus";

class PrivateServer {
  public:
    // Creates the socket, mode 0600; a stale one is replaced.
    static Result<std::unique_ptr<PrivateServer>> create(Loop& loop, ManagerObject& object, std::string path);
    ~PrivateServer();
    PrivateServer(const PrivateServer&) = delete;
    PrivateServer& operator=(const PrivateServer&) = delete;

  private:
    PrivateServer(Loop& loop, ManagerObject& object, std::string path, UniqueFd socket);
    void accept();
    Result<void> serve(UniqueFd peer);
    void drop(Connection* connection);

    Loop& loop_;
    ManagerObject& object_;
    std::string path_;
    UniqueFd socket_;
    FdWatch watch_;
    struct Client {
        std::unique_ptr<Connection> connection;
        Slot peer_object;
    };
    std::map<Connection*, Client> connections_;
};

}  // namespace hvctld::bus
