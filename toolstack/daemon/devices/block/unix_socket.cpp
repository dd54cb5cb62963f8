#include "devices/block/unix_socket.hpp"

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>

namespace hvctld {

namespace {

void wait_at_most(int socket, int seconds) {
    const timeval patience{seconds, 0};
    (void)setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    (void)setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
}

}  // namespace

Result<UniqueFd> connect_unix(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path) return fail_errno(ENAMETOOLONG, path);
    path.copy(address.sun_path, path.size());
    UniqueFd socket{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    if (!socket || ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
        return fail_errno(errno, path);
    wait_at_most(socket.get(), 1);
    return socket;
}

void wait_for_ever(int socket) {
    wait_at_most(socket, 0);
}

std::string printable(const std::string& text) {
    constexpr std::size_t kMost = 200;
    std::string fit = text.substr(0, kMost);
    std::ranges::replace_if(
        fit, [](char c) { return c < ' ' || c > '~'; }, '?');
    return fit;
}

}  // namespace hvctld
