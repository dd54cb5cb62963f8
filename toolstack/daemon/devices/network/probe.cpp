#include "devices/network/probe.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <optional>
#include <thread>

#include "base/files.hpp"
#include "devices/network/filter.hpp"
#include "devices/network/netlink.hpp"
#include "devices/network/nft.hpp"
#include "hvctl/try.hpp"

namespace hvctld {
namespace {

constexpr const char* kBridge = "probe";
constexpr const char* kFarEnd = "far";

Result<UniqueFd> make_tap(const std::string& name) {
    UniqueFd tap{::open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK)};
    if (!tap) return fail_errno(errno, "/dev/net/tun");
    ifreq request{};
    request.ifr_flags = IFF_TAP | IFF_NO_PI;
    name.copy(request.ifr_name, IFNAMSIZ - 1);
    if (ioctl(tap.get(), TUNSETIFF, &request) != 0) return fail_errno(errno, "a probe for " + name);
    return tap;
}

Result<int> index_of(Netlink& netlink, const std::string& name) {
    const auto found = TRY(netlink.find(name));
    if (!found) return fail(ErrorId::Internal, fmt::format("the probe has no {}", name));
    return found->index;
}

// Whether the far end receives that very frame; others come by themselves.
bool arrives(int far_end, const std::vector<std::uint8_t>& frame) {
    using std::chrono::steady_clock;
    constexpr std::chrono::milliseconds kPatience{50};
    constexpr std::size_t kLongest = 65536;
    const auto end = steady_clock::now() + kPatience;
    std::vector<std::uint8_t> received(kLongest);
    for (auto left = kPatience; left.count() >= 0;
         left = std::chrono::duration_cast<std::chrono::milliseconds>(end - steady_clock::now())) {
        pollfd wait{far_end, POLLIN, 0};
        if (poll(&wait, 1, static_cast<int>(left.count())) <= 0) return false;
        const ssize_t got = read(far_end, received.data(), received.size());
        if (got == static_cast<ssize_t>(frame.size()) && std::equal(frame.begin(), frame.end(), received.begin()))
            return true;
    }
    return false;
}

// In a network namespace that goes with the thread.
Result<Probed> probe_apart(const std::string& interface, const std::string& rules,
                           const std::vector<ProbeFrame>& frames) {
    if (unshare(CLONE_NEWNET) != 0) return fail_errno(errno, "a network namespace for a probe");
    const UniqueFd guest = TRY(make_tap(interface));
    const UniqueFd far_end = TRY(make_tap(kFarEnd));
    TRY(run_nft(rules));
    Netlink netlink = TRY(Netlink::open());
    TRY(netlink.add_bridge(kBridge, {0x02, 0x16, 0x3e, 0xff, 0xff, 0xff}));
    const int bridge = TRY(index_of(netlink, kBridge));
    for (const std::string& port : {interface, std::string{kFarEnd}}) {
        const int index = TRY(index_of(netlink, port));
        TRY(netlink.set_master(index, bridge));
        TRY(netlink.set_up(index, true));
    }
    TRY(netlink.set_up(bridge, true));
    Probed probed;
    for (const ProbeFrame& frame : frames) {
        const ssize_t sent = write(guest.get(), frame.bytes.data(), frame.bytes.size());
        if (sent != static_cast<ssize_t>(frame.bytes.size())) return fail_errno(errno, "a probe's frame");
        probed.passed.push_back(arrives(far_end.get(), frame.bytes));
    }
    probed.table = TRY(read_nft(filter_listing(interface)));
    return probed;
}

}  // namespace

Result<Probed> probe_filter(const std::string& interface, const std::string& rules,
                            const std::vector<ProbeFrame>& frames) {
    std::optional<Result<Probed>> outcome;
    std::thread{[&] { outcome = probe_apart(interface, rules, frames); }}.join();
    return std::move(*outcome);
}

}  // namespace hvctld
