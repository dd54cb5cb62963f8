#include "hvctl/event_channels.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>

#include "hvctl/try.hpp"
#include "linux_ioctls.hpp"
#include "xen_device.hpp"

namespace hvctl {

namespace {

template <class Argument>
Result<EventPort> bind(int fd, unsigned long request, Argument argument, std::string what) {
    const int port = ::ioctl(fd, request, &argument);
    if (port < 0) return std::unexpected(Error::from_errno(errno, "cannot bind " + std::move(what)));
    return EventPort{static_cast<std::uint32_t>(port)};
}

Result<void> one(int fd, unsigned long request, EventPort port, const char* verb) {
    linux_abi::EvtchnOne argument{port.raw};
    if (::ioctl(fd, request, &argument) >= 0) return {};
    return std::unexpected(Error::from_errno(errno, fmt::format("cannot {} event port {}", verb, port.raw)));
}

}  // namespace

Result<EventChannels> EventChannels::open() {
    return EventChannels{TRY(open_xen_device("evtchn", O_NONBLOCK))};
}

Result<EventPort> EventChannels::bind_interdomain(DomainId remote, EventPort remote_port) const {
    return bind(fd(), linux_abi::kEvtchnBindInterdomain, linux_abi::EvtchnBindInterdomain{remote.raw, remote_port.raw},
                fmt::format("event port {} of domain {}", remote_port.raw, remote.raw));
}

Result<EventPort> EventChannels::bind_virq(Virq virq) const {
    const auto number = static_cast<std::uint32_t>(virq);
    return bind(fd(), linux_abi::kEvtchnBindVirq, linux_abi::EvtchnOne{number}, fmt::format("VIRQ {}", number));
}

Result<void> EventChannels::unbind(EventPort port) const {
    return one(fd(), linux_abi::kEvtchnUnbind, port, "unbind");
}

Result<void> EventChannels::notify(EventPort port) const {
    return one(fd(), linux_abi::kEvtchnNotify, port, "notify through");
}

Result<std::optional<EventPort>> EventChannels::pending() const {
    std::uint32_t port = 0;
    const ssize_t bytes = ::read(fd(), &port, sizeof port);
    if (bytes == sizeof port) return EventPort{port};
    if (bytes < 0 && (errno == EAGAIN || errno == EINTR)) return std::nullopt;
    if (bytes < 0) return std::unexpected(Error::from_errno(errno, "cannot read pending event ports"));
    return fail(ErrorCode::Io, fmt::format("/dev/xen/evtchn gave {} bytes of a port number", bytes));
}

Result<void> EventChannels::unmask(EventPort port) const {
    const ssize_t bytes = ::write(fd(), &port.raw, sizeof port.raw);
    if (bytes == sizeof port.raw) return {};
    return std::unexpected(
        Error::from_errno(bytes < 0 ? errno : EIO, fmt::format("cannot unmask event port {}", port.raw)));
}

Result<void> EventChannels::reset() const {
    if (::ioctl(fd(), linux_abi::kEvtchnReset, 0) >= 0) return {};
    return std::unexpected(Error::from_errno(errno, "cannot reset the event buffer"));
}

}  // namespace hvctl
