#include "devices/network/kernel_network_host.hpp"

#include <fmt/format.h>
#include <ifaddrs.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <fstream>
#include <future>
#include <memory>
#include <stop_token>
#include <thread>

#include "base/files.hpp"
#include "base/log.hpp"
#include "base/trusted_program.hpp"
#include "devices/network/filter.hpp"
#include "devices/network/hook_program.hpp"
#include "devices/network/netlink.hpp"
#include "devices/network/nft.hpp"
#include "devices/network/probe.hpp"
#include "devices/network/probe_frames.hpp"
#include "hvctl/try.hpp"

namespace hvctld {
namespace {

Result<void> write_setting(const std::string& path, const char* value) {
    std::ofstream file{path};
    if (file << value << std::flush) return {};
    return fail_errno(errno, path);
}

// Dom0 itself takes no part in a guest's interface: it has no address there and listens to nothing.
Result<void> keep_silent(const std::string& interface) {
    const std::string path = fmt::format("/proc/sys/net/ipv6/conf/{}/disable_ipv6", interface);
    return access(path.c_str(), F_OK) == 0 ? write_setting(path, "1") : Result<void>{};
}

config::IpPrefix address_in(const sockaddr& address) {
    config::IpPrefix own;
    own.six = address.sa_family == AF_INET6;
    if (own.six) {
        std::memcpy(own.bytes.data(), &reinterpret_cast<const sockaddr_in6&>(address).sin6_addr, sizeof(in6_addr));
    } else {
        std::memcpy(own.bytes.data(), &reinterpret_cast<const sockaddr_in&>(address).sin_addr, sizeof(in_addr));
    }
    own.length = own.bits();
    return own;
}

// A bridge that is not hvctld's has addresses that only Dom0's kernel knows. Another VLAN is another network.
Result<void> check_not_ours(const config::NicDefinition& nic) {
    if (nic.vlan != 0) return {};
    ifaddrs* list = nullptr;
    if (getifaddrs(&list) != 0) return fail_errno(errno, "addresses of Dom0");
    const std::unique_ptr<ifaddrs, decltype(&freeifaddrs)> all{list, &freeifaddrs};
    for (const ifaddrs* one = list; one != nullptr; one = one->ifa_next) {
        if (one->ifa_addr == nullptr || nic.bridge != one->ifa_name) continue;
        if (one->ifa_addr->sa_family != AF_INET && one->ifa_addr->sa_family != AF_INET6) continue;
        const config::IpPrefix own = address_in(*one->ifa_addr);
        for (const config::IpPrefix& address : nic.addresses) {
            if (!own.conflicts(address)) continue;
            return fail(ErrorId::AddressTaken,
                        fmt::format("{} is, or has in it, Dom0's own address on {}", address.text(), nic.bridge));
        }
    }
    return {};
}

// Dom0 gives the guest whole packets with their checksums, which a guest that forwards them needs (linux/ethtool.h).
Result<void> stop_offloads(const std::string& interface) {
    const UniqueFd socket{::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
    if (!socket) return fail_errno(errno, "socket");
    // Segments before what they need.
    for (const std::uint32_t command : {ETHTOOL_STSO, ETHTOOL_SGSO, ETHTOOL_SSG, ETHTOOL_STXCSUM}) {
        ethtool_value value{command, 0};
        ifreq request{};
        interface.copy(request.ifr_name, IFNAMSIZ - 1);
        request.ifr_data = reinterpret_cast<char*>(&value);
        if (ioctl(socket.get(), SIOCETHTOOL, &request) != 0 && errno != EOPNOTSUPP)
            return fail_errno(errno, interface + ": offload");
    }
    return {};
}

// A port of it with a VLAN of its own would be in all of them.
Result<void> check_vlan(const std::string& bridge, std::uint32_t vlan) {
    if (vlan == 0 || first_line(fmt::format("/sys/class/net/{}/bridge/vlan_filtering", bridge)) == "1") return {};
    return fail(ErrorId::NicUnusable,
                fmt::format("{0} does not know VLANs, and an interface is to be in VLAN {1} of it; 'ip link set {0} "
                            "type bridge vlan_filtering 1' has it tell them apart",
                            bridge, vlan));
}

void take_down(Netlink& netlink, const std::string& interface) {
    if (const auto found = netlink.find(interface); found && *found) (void)netlink.set_up((*found)->index, false);
}

// The bridge's MAC address does not change with the guests that are on it; it is the same on each boot, and each bridge
// has another one.
config::MacAddress mac_of_bridge(const config::NetworkSettings& network) {
    config::MacAddress mac{0x02, 0x16, 0x3e, 0, 0, 0};
    for (const config::IpPrefix& address : network.addresses) {
        for (std::size_t i = 0; i < address.bytes.size(); ++i) mac[3 + i % 3] ^= address.bytes[i];
    }
    return mac;
}

// Of IPv4 alone: there are enough IPv6 addresses to need no masquerading.
std::string masquerade_rules(const config::NetworkSettings& network) {
    const std::string table = fmt::format("ip hvctl_{}", network.bridge);
    std::string text = fmt::format(
        "add table {0}\ndelete table {0}\nadd table {0}\n"
        "add chain {0} postrouting {{ type nat hook postrouting priority srcnat; }}\n",
        table);
    for (const config::IpPrefix& address : network.addresses) {
        if (address.six) continue;
        text += fmt::format("add rule {} postrouting ip saddr {} oifname != \"{}\" masquerade\n", table,
                            address.network().text(), network.bridge);
    }
    return text + fmt::format("list table {}\n", table);  // all that libnftables reads then
}

std::string rules_of(const GuestNic& guest) {
    const config::NicDefinition& nic = guest.nic;
    return filter_rules(
        {guest.interface, nic.mac.value_or(config::MacAddress{}), nic.addresses, nic.any_address, nic.rate_bits});
}

std::uint64_t statistic(const std::string& interface, const char* name) {
    std::ifstream file{fmt::format("/sys/class/net/{}/statistics/{}", interface, name)};
    std::uint64_t value = 0;
    file >> value;
    return value;
}

// A file system that does not answer keeps a thread of its own, and no guest.
Result<void> trusted_in_time(const std::string& program, const std::stop_token& cancel) {
    constexpr std::chrono::milliseconds kBetweenCancelLooks{100};
    std::packaged_task<Result<void>()> check{[program] { return check_trusted_program(program); }};
    auto answer = check.get_future();
    std::thread{std::move(check)}.detach();
    const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds{kHookPatienceMs};
    while (std::chrono::steady_clock::now() < until && !cancel.stop_requested()) {
        if (answer.wait_for(kBetweenCancelLooks) == std::future_status::ready) return answer.get();
    }
    return fail(ErrorId::Io, "the file system that it is on does not answer");
}

}  // namespace

KernelNetworkHost::KernelNetworkHost(std::vector<config::NetworkSettings> networks, const std::string& folder)
    : networks_{std::move(networks)}, dhcp_{folder} {}

Result<void> KernelNetworkHost::provide(const std::string& bridge) {
    if (const config::NetworkSettings* network = config::network_of(networks_, bridge)) {
        const std::lock_guard lock{making_};
        return within("network " + bridge, make_whole(*network));
    }
    Netlink netlink = TRY(Netlink::open());
    const auto found = TRY(netlink.find(bridge));
    if (!found) {
        return fail(ErrorId::NicUnusable,
                    fmt::format("there is no bridge {0} in Dom0: make it ('ip link add {0} type bridge', or in your "
                                "distribution's network configuration), or name it in 'networks' of hvctl.yaml, and "
                                "hvctld makes it",
                                bridge));
    }
    if (found->kind != "bridge")
        return fail(ErrorId::NicUnusable, fmt::format("{} is no bridge; a guest's interface is put on one", bridge));
    return {};
}

Result<void> KernelNetworkHost::make_whole(const config::NetworkSettings& network) {
    Netlink netlink = TRY(Netlink::open());
    auto bridge = TRY(netlink.find(network.bridge));
    if (!bridge) {
        TRY(netlink.add_bridge(network.bridge, mac_of_bridge(network)));
        bridge = TRY(netlink.find(network.bridge));
        // From this change on the bridge's MTU is its own, and does not follow that of its ports.
        if (bridge) TRY(netlink.set_mtu(bridge->index, network.mtu));
        log::info("made the bridge {}", network.bridge);
    }
    if (!bridge || bridge->kind != "bridge") {
        return fail(ErrorId::NicUnusable, fmt::format("there is an interface {0} in Dom0, which is no bridge; rename "
                                                      "it, or name another one in 'networks' of hvctl.yaml",
                                                      network.bridge));
    }
    if (bridge->up && is_whole(network.bridge, bridge->index)) return {};
    for (const config::IpPrefix& address : network.addresses) TRY(netlink.add_address(bridge->index, address));
    if (!bridge->up) TRY(netlink.set_up(bridge->index, true));
    if (network.masquerade) {
        TRY(run_nft(masquerade_rules(network)));
        TRY(write_setting("/proc/sys/net/ipv4/ip_forward", "1"));
    }
    if (network.dhcp) {
        // A guest that is configured otherwise needs none of it.
        if (const auto served = dhcp_.serve(network); !served) {
            log::error("{}: {}", network.bridge, served.error().text());
            return {};
        }
    }
    const std::lock_guard lock{known_};
    whole_[network.bridge] = bridge->index;
    return {};
}

bool KernelNetworkHost::is_whole(const std::string& bridge, int index) {
    const std::lock_guard lock{known_};
    const auto found = whole_.find(bridge);
    return found != whole_.end() && found->second == index;
}

void KernelNetworkHost::touched(const std::string& name) {
    const std::lock_guard lock{known_};
    if (name.empty()) {
        whole_.clear();
    } else {
        whole_.erase(name);
    }
}

// First the filter: there is no moment without one.
Result<void> KernelNetworkHost::connect(const GuestNic& guest) {
    const config::NicDefinition& nic = guest.nic;
    const std::lock_guard lock{connecting_};
    std::uint64_t& last = serials_[guest.interface];
    if (last > guest.serial) return {};  // something later has been asked for
    last = guest.serial;
    Netlink netlink = TRY(Netlink::open());
    const auto work = [&]() -> Result<void> {
        TRY(run_nft(rules_of(guest)));
        const auto interface = TRY(netlink.find(guest.interface));
        const auto bridge = TRY(netlink.find(nic.bridge));
        if (!interface || !bridge) {
            return fail(ErrorId::NicUnusable,
                        fmt::format("there is no {} in Dom0 any more", interface ? nic.bridge : guest.interface));
        }
        TRY(check_not_ours(nic));
        TRY(keep_silent(guest.interface));
        const config::NetworkSettings* const network = config::network_of(networks_, nic.bridge);
        const std::uint32_t mtu = nic.mtu != 0 ? nic.mtu : network != nullptr ? network->mtu : bridge->mtu;
        // A guest's driver may be unable to, and is no reason to cut the guest off.
        if (const auto set = netlink.set_mtu(interface->index, mtu); interface->mtu != mtu && !set)
            log::warning("{}: {}", guest.interface, set.error().text());
        TRY(netlink.shape(interface->index, nic.rate_bits));
        TRY(check_vlan(nic.bridge, nic.vlan));
        // On a bridge it is in that one's own VLAN at first.
        if (nic.vlan != 0 && interface->master != bridge->index) take_down(netlink, guest.interface);
        if (interface->master != bridge->index) TRY(netlink.set_master(interface->index, bridge->index));
        if (nic.vlan != 0) TRY(netlink.set_vlan(interface->index, nic.vlan));
        if (!nic.offload) TRY(stop_offloads(guest.interface));
        if (network != nullptr) TRY(routes_.keep(netlink, bridge->index, guest.interface, guest_routes(*network, nic)));
        if (network != nullptr && network->dhcp) {
            if (const auto told = dhcp_.tell(*network, guest); !told)
                log::error("{}: {}", guest.interface, told.error().text());
        }
        if (nic.vlan != 0 || interface->up != nic.link) TRY(netlink.set_up(interface->index, nic.link));
        return {};
    };
    auto connected = work();
    if (!connected) take_down(netlink, guest.interface);
    return within(guest.interface, std::move(connected));
}

// The filter goes after what it filters.
void KernelNetworkHost::disconnect(const GuestNic& guest) {
    constexpr int kLooks = 100;
    constexpr std::chrono::milliseconds kBetweenLooks{100};
    {
        const std::lock_guard lock{connecting_};
        std::uint64_t& last = serials_[guest.interface];
        if (last > guest.serial) return;
        last = guest.serial;
        auto netlink = Netlink::open();
        if (const config::NetworkSettings* network = config::network_of(networks_, guest.nic.bridge)) {
            dhcp_.forget(*network, guest);
            const auto bridge = netlink ? netlink->find(network->bridge) : Result<std::optional<Interface>>{};
            if (bridge && *bridge)
                routes_.drop(*netlink, (*bridge)->index, guest.interface, guest_routes(*network, guest.nic));
            routes_.forget(guest.interface);
        }
        if (netlink && exists(guest.interface)) take_down(*netlink, guest.interface);
    }
    for (int look = 0; exists(guest.interface) && look < kLooks; ++look) std::this_thread::sleep_for(kBetweenLooks);
    const std::lock_guard lock{connecting_};
    const auto last = serials_.find(guest.interface);
    if (last == serials_.end() || last->second != guest.serial) return;
    if (exists(guest.interface))
        return log::error("{}: Dom0's kernel does not let go of it; its filter stays", guest.interface);
    serials_.erase(last);
    if (const auto removed = run_nft(filter_removal(guest.interface)); !removed)
        log::error("{}: {}", guest.interface, removed.error().text());
}

Result<NicCheck> KernelNetworkHost::check(const GuestNic& guest) {
    const config::NetworkSettings* const network = config::network_of(networks_, guest.nic.bridge);
    const auto frames =
        probe_frames(guest.nic, network != nullptr ? network->addresses : std::vector<config::IpPrefix>{});
    const Probed probed = TRY(within(guest.interface, probe_filter(guest.interface, rules_of(guest), frames)));
    NicCheck result{.interface = guest.interface, .trials = {}, .in_force = false};
    for (std::size_t i = 0; i < frames.size(); ++i)
        result.trials.push_back({frames[i].what, frames[i].allowed, probed.passed[i]});
    // A table that is not there is none that is in force.
    const auto own = read_nft(filter_listing(guest.interface));
    result.in_force = own && *own == probed.table;
    return result;
}

Result<void> KernelNetworkHost::run_hook(const HookRun& run, const std::stop_token& cancel) {
    if (const auto trusted = trusted_in_time(run.program, cancel); !trusted) {
        return fail(ErrorId::HookFailed,
                    fmt::format("{} is not run: {}; without one: 'hook: none'", run.text(), trusted.error().message()));
    }
    return run_nic_hook(run, kHookPatienceMs, cancel);
}

bool KernelNetworkHost::exists(const std::string& interface) const {
    return access(("/sys/class/net/" + interface).c_str(), F_OK) == 0;
}

// What Dom0's interface receives is what the guest sends.
std::optional<NicCounters> KernelNetworkHost::counters(const std::string& interface) const {
    if (!exists(interface)) return std::nullopt;
    return NicCounters{statistic(interface, "tx_bytes"), statistic(interface, "tx_packets"),
                       statistic(interface, "rx_bytes"), statistic(interface, "rx_packets")};
}

}  // namespace hvctld
