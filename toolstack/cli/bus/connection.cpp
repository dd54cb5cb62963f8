#include "bus/connection.hpp"

#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "host.hpp"

namespace hvctl::cli {
namespace {

constexpr std::uint64_t kPasswordIsTyped = 330'000'000;  // microseconds; hvctld waits for five minutes

std::unexpected<Failure> unreachable(const std::string& address, bool is_default, int error) {
    return std::unexpected(explain_unreachable(
        {.root = "/", .is_root = geteuid() == 0, .error = -error, .address = address, .is_default = is_default}));
}

std::string from_environment() {
    const char* value = std::getenv("HVCTL_BUS");
    return value != nullptr ? value : "";
}

}  // namespace

Result<Connection> Connection::open(std::string address) {
    if (address.empty()) address = from_environment();
    if (address == "system") return open_system("the system bus", false, 0);
    if (!address.empty()) return open_private(address, false);

    if (access(kPrivateSocket, R_OK | W_OK) == 0 || geteuid() == 0) return open_private(kPrivateSocket, true);
    return open_system("the system bus", true, -errno);
}

bool Connection::is_default(const std::string& address) {
    return address.empty() && from_environment().empty();
}

Result<Connection> Connection::open_private(const std::string& address, bool is_default) {
    sd_bus* bus = nullptr;
    if (int error = sd_bus_new(&bus); error < 0) return std::unexpected(failure_of_errno(error));
    Connection connection;
    connection.bus_.reset(bus);
    std::string full = address.find(':') == std::string::npos ? "unix:path=" + address : address;
    int error = sd_bus_set_address(bus, full.c_str());
    if (error >= 0) error = sd_bus_start(bus);
    // A refused connection shows here or with the first exchange, depending on the socket.
    while (error >= 0 && sd_bus_is_ready(bus) == 0) {
        error = sd_bus_process(bus, nullptr);
        if (error == 0) error = sd_bus_wait(bus, 10'000'000);
        if (error == 0) error = -ETIMEDOUT;
    }
    if (error < 0) return unreachable(address, is_default, error);
    return connection;
}

Result<Connection> Connection::open_system(const std::string& address, bool is_default, int private_error) {
    sd_bus* bus = nullptr;
    if (int error = sd_bus_open_system(&bus); error < 0) {
        return unreachable(address, is_default, private_error != 0 ? private_error : error);
    }
    Connection connection;
    connection.bus_.reset(bus);
    connection.brokered_ = true;
    // polkit may ask for a password before hvctld answers.
    sd_bus_set_allow_interactive_authorization(bus, 1);
    sd_bus_set_method_call_timeout(bus, kPasswordIsTyped);
    if (!is_default) return connection;

    // The default falls back to here; if hvctld is not on the system bus either, the socket's error is the better
    // reason.
    sd_bus_message* reply = nullptr;
    int has_owner = 0;
    int error = sd_bus_call_method(bus, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus",
                                   "NameHasOwner", nullptr, &reply, "s", kBusName);
    Message owner(reply);
    if (error >= 0) error = sd_bus_message_read(owner.get(), "b", &has_owner);
    if (error < 0 || has_owner == 0) return unreachable(address, true, private_error);
    return connection;
}

Result<Message> Connection::new_call(const char* member) const {
    sd_bus_message* call = nullptr;
    int error = sd_bus_message_new_method_call(bus_.get(), &call, destination(), kObjectPath, kInterface, member);
    if (error < 0) return std::unexpected(failure_of_errno(error));
    return Message(call);
}

Result<Message> Connection::send(const Message& call, std::uint64_t timeout) const {
    sd_bus_error error = SD_BUS_ERROR_NULL;
    sd_bus_message* reply = nullptr;
    int status = sd_bus_call(bus_.get(), call.get(), timeout, &error, &reply);
    Message owned(reply);
    if (status >= 0) return owned;
    Failure failure = failure_of(error);
    sd_bus_error_free(&error);
    return std::unexpected(std::move(failure));
}

}  // namespace hvctl::cli
