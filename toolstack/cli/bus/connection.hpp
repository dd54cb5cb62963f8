// The connection to hvctld: its private socket, or the system bus.
#pragma once

#include <systemd/sd-bus.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "bus/message.hpp"
#include "failure.hpp"

namespace hvctl::cli {

inline constexpr const char* kPrivateSocket = "/run/hvctl/bus";
inline constexpr const char* kBusName = "org.hvctl1";
inline constexpr const char* kObjectPath = "/org/hvctl1";
inline constexpr const char* kInterface = "org.hvctl1.Manager";

class Connection {
  public:
    // `address` is a socket's path, a D-Bus address or "system"; empty means the environment's HVCTL_BUS and then the
    // private socket, or the system bus when the user may not open that.
    static Result<Connection> open(std::string address);
    // Whether open() would look for hvctld where it is by default.
    static bool is_default(const std::string& address);

    sd_bus* bus() const { return bus_.get(); }

    // The name to call: hvctld alone is on the private socket.
    const char* destination() const { return brokered_ ? kBusName : nullptr; }

    // Whether the peer is still there.
    bool alive() const { return sd_bus_is_open(bus_.get()) > 0; }

    Result<Message> new_call(const char* member) const;

    // Sends and waits for the reply, at most so many microseconds (0: 25 s, and on the system bus as long as a
    // password may take); an error reply becomes a Failure.
    Result<Message> send(const Message& call, std::uint64_t timeout = 0) const;

  private:
    struct Close {
        void operator()(sd_bus* bus) const { sd_bus_flush_close_unref(bus); }
    };
    std::unique_ptr<sd_bus, Close> bus_;
    bool brokered_ = false;

    static Result<Connection> open_private(const std::string& address, bool is_default);
    static Result<Connection> open_system(const std::string& address, bool is_default, int private_error);
};

// What a D-Bus error means to the user.
Failure failure_of(const sd_bus_error& error);
Failure failure_of_errno(int error);
// The exit code of an error's name, "org.hvctl1.Error.Busy" or just "Busy"; none for a name that is not known here.
std::optional<ExitCode> known_exit_code(std::string_view error_name);

}  // namespace hvctl::cli
