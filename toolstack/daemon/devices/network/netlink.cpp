#include "devices/network/netlink.hpp"

#include <fmt/format.h>
#include <linux/if_bridge.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netlink/netlink.h>
#include <netlink/route/addr.h>
#include <netlink/route/link.h>
#include <netlink/route/link/bridge.h>
#include <netlink/route/nexthop.h>
#include <netlink/route/qdisc.h>
#include <netlink/route/qdisc/tbf.h>
#include <netlink/route/route.h>
#include <netlink/route/tc.h>

#include <algorithm>

#include "hvctl/try.hpp"

namespace hvctld {
namespace {

template <class T, void (*release)(T*)>
struct Release {
    void operator()(T* object) const { release(object); }
};
using Link = std::unique_ptr<rtnl_link, Release<rtnl_link, rtnl_link_put>>;
using Address = std::unique_ptr<rtnl_addr, Release<rtnl_addr, rtnl_addr_put>>;
using Binary = std::unique_ptr<nl_addr, Release<nl_addr, nl_addr_put>>;
using Qdisc = std::unique_ptr<rtnl_qdisc, Release<rtnl_qdisc, rtnl_qdisc_put>>;
using KernelRoute = std::unique_ptr<rtnl_route, Release<rtnl_route, rtnl_route_put>>;

Result<void> outcome(int status, const std::string& what) {
    if (status >= 0) return {};
    return fail(ErrorId::NicUnusable, fmt::format("{}: {}", what, nl_geterror(status)));
}

std::unexpected<Error> no_memory() {
    return fail(ErrorId::Internal, "netlink: no memory");
}

Binary binary(const config::IpPrefix& prefix, std::uint32_t length) {
    constexpr std::uint32_t kBitsOfByte = 8;
    Binary address{nl_addr_build(prefix.six ? AF_INET6 : AF_INET, prefix.bytes.data(), prefix.bits() / kBitsOfByte)};
    if (address) nl_addr_set_prefixlen(address.get(), static_cast<int>(length));
    return address;
}

// As 'ip route show proto 104' tells them from others'.
constexpr std::uint8_t kOfHvctld = 104;

Result<KernelRoute> kernel_route(int index, const Route& route) {
    KernelRoute made{rtnl_route_alloc()};
    rtnl_nexthop* const hop = made ? rtnl_route_nh_alloc() : nullptr;
    if (hop == nullptr) return no_memory();
    rtnl_route_add_nexthop(made.get(), hop);  // which is its own from here on
    const Binary to = binary(route.to, route.to.length);
    if (!to) return no_memory();
    rtnl_route_set_family(made.get(), route.to.six ? AF_INET6 : AF_INET);
    rtnl_route_set_protocol(made.get(), kOfHvctld);
    rtnl_route_set_scope(made.get(), route.via ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK);
    rtnl_route_nh_set_ifindex(hop, index);
    if (route.via) {
        const Binary via = binary(*route.via, route.via->bits());
        if (!via) return no_memory();
        rtnl_route_nh_set_gateway(hop, via.get());
    }
    TRY(outcome(rtnl_route_set_dst(made.get(), to.get()), route.to.text()));
    return made;
}

}  // namespace

void Netlink::Close::operator()(nl_sock* socket) const {
    nl_socket_free(socket);
}

Result<Netlink> Netlink::open() {
    Netlink netlink;
    netlink.socket_.reset(nl_socket_alloc());
    if (!netlink.socket_) return no_memory();
    TRY(outcome(nl_connect(netlink.socket_.get(), NETLINK_ROUTE), "netlink"));
    return netlink;
}

Result<std::optional<Interface>> Netlink::find(const std::string& name) {
    rtnl_link* raw = nullptr;
    const int status = rtnl_link_get_kernel(socket_.get(), 0, name.c_str(), &raw);
    const Link link{raw};
    if (status == -NLE_OBJ_NOTFOUND || status == -NLE_NODEV) return std::nullopt;
    TRY(outcome(status, name));
    const char* kind = rtnl_link_get_type(link.get());
    return Interface{rtnl_link_get_ifindex(link.get()), kind != nullptr ? kind : "", rtnl_link_get_master(link.get()),
                     rtnl_link_get_mtu(link.get()), (rtnl_link_get_flags(link.get()) & IFF_UP) != 0};
}

Result<void> Netlink::add_bridge(const std::string& name, const config::MacAddress& mac) {
    const Link link{rtnl_link_bridge_alloc()};
    const Binary address{nl_addr_build(AF_LLC, mac.data(), mac.size())};
    if (!link || !address) return no_memory();
    rtnl_link_set_name(link.get(), name.c_str());
    rtnl_link_set_addr(link.get(), address.get());
    constexpr unsigned kOdd = 1281;
    rtnl_link_set_mtu(link.get(), kOdd);
    return outcome(rtnl_link_add(socket_.get(), link.get(), NLM_F_CREATE | NLM_F_EXCL), name);
}

Result<void> Netlink::add_address(int index, const config::IpPrefix& prefix) {
    const Address address{rtnl_addr_alloc()};
    const Binary local{nl_addr_build(prefix.six ? AF_INET6 : AF_INET, prefix.bytes.data(), prefix.bits() / 8)};
    if (!address || !local) return no_memory();
    nl_addr_set_prefixlen(local.get(), static_cast<int>(prefix.length));
    rtnl_addr_set_ifindex(address.get(), index);
    TRY(outcome(rtnl_addr_set_local(address.get(), local.get()), prefix.text()));
    if (prefix.six) rtnl_addr_set_flags(address.get(), IFA_F_NODAD);
    const int status = rtnl_addr_add(socket_.get(), address.get(), NLM_F_REPLACE);
    return status == -NLE_EXIST ? Result<void>{} : outcome(status, prefix.text());
}

Result<void> Netlink::set_up(int index, bool up) {
    const Link link{rtnl_link_alloc()};
    const Link change{rtnl_link_alloc()};
    if (!link || !change) return no_memory();
    rtnl_link_set_ifindex(link.get(), index);
    if (up) {
        rtnl_link_set_flags(change.get(), IFF_UP);
    } else {
        rtnl_link_unset_flags(change.get(), IFF_UP);
    }
    return outcome(rtnl_link_change(socket_.get(), link.get(), change.get(), 0), up ? "link up" : "link down");
}

Result<void> Netlink::set_mtu(int index, std::uint32_t mtu) {
    const Link link{rtnl_link_alloc()};
    const Link change{rtnl_link_alloc()};
    if (!link || !change) return no_memory();
    rtnl_link_set_ifindex(link.get(), index);
    rtnl_link_set_mtu(change.get(), mtu);
    return outcome(rtnl_link_change(socket_.get(), link.get(), change.get(), 0), fmt::format("mtu {}", mtu));
}

Result<void> Netlink::set_master(int index, int master) {
    return outcome(rtnl_link_enslave_ifindex(socket_.get(), master, index), "bridge");
}

Result<void> Netlink::set_vlan(int index, std::uint32_t vlan) {
    // The bridge has put it into one already.
    constexpr std::uint16_t kLast = 4094;
    TRY(change_vlans(RTM_DELLINK, index, {{BRIDGE_VLAN_INFO_RANGE_BEGIN, 1}, {BRIDGE_VLAN_INFO_RANGE_END, kLast}}));
    constexpr std::uint16_t kAll = BRIDGE_VLAN_INFO_PVID | BRIDGE_VLAN_INFO_UNTAGGED;
    return change_vlans(RTM_SETLINK, index, {{kAll, static_cast<std::uint16_t>(vlan)}});
}

Result<void> Netlink::change_vlans(int message_type, int index, std::initializer_list<bridge_vlan_info> vlans) {
    const std::unique_ptr<nl_msg, Release<nl_msg, nlmsg_free>> message{nlmsg_alloc_simple(message_type, 0)};
    ifinfomsg header{};
    header.ifi_family = PF_BRIDGE;
    header.ifi_index = index;
    if (!message || nlmsg_append(message.get(), &header, sizeof header, NLMSG_ALIGNTO) < 0) return no_memory();
    nlattr* const of_family = nla_nest_start(message.get(), IFLA_AF_SPEC);
    if (of_family == nullptr) return no_memory();
    for (const bridge_vlan_info& vlan : vlans) {
        if (nla_put(message.get(), IFLA_BRIDGE_VLAN_INFO, sizeof vlan, &vlan) < 0) return no_memory();
    }
    nla_nest_end(message.get(), of_family);
    const int sent = nl_send_auto(socket_.get(), message.get());
    return outcome(sent < 0 ? sent : nl_wait_for_ack(socket_.get()), "VLAN");
}

Result<void> Netlink::set_route(int index, const Route& route) {
    const KernelRoute made = TRY(kernel_route(index, route));
    const std::string what = fmt::format("route to {}", route.to.text());
    const int status = rtnl_route_add(socket_.get(), made.get(), NLM_F_CREATE | NLM_F_EXCL);
    if (status != -NLE_EXIST) return outcome(status, what);
    // Its own of before is replaced, and no other: what is Dom0's way to its network is no guest's.
    if (const int removed = rtnl_route_delete(socket_.get(), made.get(), 0); removed == -NLE_OBJ_NOTFOUND) {
        return fail(ErrorId::AddressTaken,
                    fmt::format("{} has a route in Dom0 already, which is not hvctld's", route.to.text()));
    }
    return outcome(rtnl_route_add(socket_.get(), made.get(), NLM_F_CREATE | NLM_F_EXCL), what);
}

Result<void> Netlink::remove_route(int index, const Route& route) {
    const KernelRoute made = TRY(kernel_route(index, route));
    const int status = rtnl_route_delete(socket_.get(), made.get(), 0);
    if (status == -NLE_OBJ_NOTFOUND || status == -NLE_NODEV) return {};
    return outcome(status, fmt::format("route to {}", route.to.text()));
}

Result<void> Netlink::shape(int index, std::uint64_t bits) {
    const Qdisc qdisc{rtnl_qdisc_alloc()};
    if (!qdisc) return no_memory();
    rtnl_tc* const tc = TC_CAST(qdisc.get());
    rtnl_tc_set_ifindex(tc, index);
    rtnl_tc_set_parent(tc, TC_H_ROOT);
    if (bits == 0) {
        // Without one of its own the interface has the kernel's, which cannot be taken away.
        (void)rtnl_qdisc_delete(socket_.get(), qdisc.get());
        return {};
    }
    constexpr std::uint64_t kBitsOfByte = 8;
    constexpr std::uint64_t kMostBytes = INT32_MAX;  // libnl's
    constexpr std::uint64_t kBurstsPerSecond = 50;
    constexpr std::uint64_t kLeastBurst = 128 * 1024;  // two packets of the largest kind that a guest and Dom0 exchange
    constexpr std::uint64_t kWaits = 4;                // bursts, until packets are dropped
    const std::uint64_t bytes = std::min(std::max<std::uint64_t>(bits / kBitsOfByte, 1), kMostBytes);
    const std::uint64_t burst = std::max(bytes / kBurstsPerSecond, kLeastBurst);
    TRY(outcome(rtnl_tc_set_kind(tc, "tbf"), "tbf"));
    rtnl_qdisc_tbf_set_rate(qdisc.get(), static_cast<int>(bytes), static_cast<int>(burst), 0);
    rtnl_qdisc_tbf_set_limit(qdisc.get(), static_cast<int>(std::min(burst * kWaits, kMostBytes)));
    return outcome(rtnl_qdisc_add(socket_.get(), qdisc.get(), NLM_F_CREATE | NLM_F_REPLACE), "rate");
}

}  // namespace hvctld
