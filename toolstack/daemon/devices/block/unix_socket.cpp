#include "devices/block/unix_socket.hpp"

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include <cerrno>

namespace hvctld {

Result<UniqueFd> connect_unix(const std::string& path, int seconds) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path) return fail_errno(ENAMETOOLONG, path);
    path.copy(address.sun_path, path.size());
    UniqueFd socket{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    if (!socket || ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
        return fail_errno(errno, path);
    wait_at_most(socket.get(), seconds);
    return socket;
}

void wait_at_most(int socket, int seconds) {
    const timeval patience{seconds, 0};
    (void)setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    (void)setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
}

}  // namespace hvctld
