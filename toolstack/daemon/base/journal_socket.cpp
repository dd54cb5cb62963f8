#include "base/journal_socket.hpp"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <cstdint>
#include <cstring>

namespace hvctld::log {
namespace {

constexpr int kBufferBytes = 8 << 20;             // for what the journal has not read yet
constexpr std::size_t kMostFieldBytes = 1 << 16;  // an entry must fit into a datagram

// "NAME=value" where that is one line; the name, eight bytes with the value's length, lowest first, and the value
// otherwise.
void add_field(std::string& entry, std::string_view name, std::string_view value) {
    value = value.substr(0, kMostFieldBytes);
    entry += name;
    if (value.find('\n') == std::string_view::npos) {
        entry += '=';
    } else {
        entry += '\n';
        for (int byte = 0; byte < 8; ++byte) entry += static_cast<char>(std::uint64_t{value.size()} >> (8 * byte));
    }
    entry += value;
    entry += '\n';
}

}  // namespace

JournalSocket::JournalSocket(std::string path)
    : path_{std::move(path)}, socket_{socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)} {
    if (setsockopt(socket_.get(), SOL_SOCKET, SO_SNDBUFFORCE, &kBufferBytes, sizeof kBufferBytes) != 0)
        (void)setsockopt(socket_.get(), SOL_SOCKET, SO_SNDBUF, &kBufferBytes, sizeof kBufferBytes);
}

bool JournalSocket::send_entry(const std::string& entry) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path_.size() >= sizeof address.sun_path) {
        errno = ENAMETOOLONG;
        return false;
    }
    std::memcpy(address.sun_path, path_.data(), path_.size());
    return sendto(socket_.get(), entry.data(), entry.size(), MSG_NOSIGNAL, reinterpret_cast<const sockaddr*>(&address),
                  sizeof address) >= 0;
}

bool JournalSocket::send(const Fields& fields) {
    const std::lock_guard guard{mutex_};
    std::string entry;
    for (const auto& [name, value] : fields) add_field(entry, name, value);
    if (lost_ != 0) {
        std::string told;
        add_field(told, "MESSAGE", fmt::format("{} lines were lost: the journal did not take them in time", lost_));
        for (const auto& [name, value] : fields) {
            if (name == "SYSLOG_IDENTIFIER" || name == "PRIORITY") add_field(told, name, value);
        }
        if (send_entry(told)) lost_ = 0;
    }
    if (send_entry(entry)) return true;
    if (errno != EAGAIN && errno != ENOBUFS) return false;
    ++lost_;
    return true;
}

}  // namespace hvctld::log
