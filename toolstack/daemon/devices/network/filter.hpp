// What a guest's network interface may send: an nftables table of its own, hooked where its frames enter Dom0, before
// the bridge and the host see them. Everything that is not named here is dropped.
//
// A frame must have the NIC's MAC and be untagged ARP, IPv4 or IPv6; and
//   ARP    requests and replies that say nothing but its own MAC and addresses; probes for its own addresses.
//   IPv4   from its own addresses; from 0.0.0.0 a DHCP client's requests and IGMP reports. No DHCP server, IGMP
//   querier,
//          multicast router, redirects or router advertisements. UDP without IP options.
//   IPv6   from its own addresses; from :: the search for duplicates of its own (DAD) and MLD reports. Of ICMPv6
//   errors, echo,
//          router solicitations, neighbour solicitations, and neighbour advertisements for its own addresses. No DHCPv6
//          server. The only extension headers are the fragment header and, for MLD reports, hop-by-hop options.
// Of a family that it has no address of, nothing passes. A guest's own link-local address is the one that its MAC makes
// (EUI-64), as the kernel, ifupdown and systemd-networkd have it. One made of a secret (RFC 7217, NetworkManager's
// default) cannot be told from a neighbour's or the router's, so it must be in the list like any other address.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "config/definition.hpp"
#include "config/ip_prefix.hpp"

namespace hvctld {

struct NicFilter {
    std::string interface;  // vif3.0
    config::MacAddress mac{};
    std::vector<config::IpPrefix> addresses;  // hosts, and networks that it may send from
    bool any_address = false;                 // the MAC and what is no server's or router's; but any address
    std::uint64_t rate_bits = 0;              // per second, that are let through; 0: no limit
};

// A script for libnftables that puts the filter in place, or in place of the one before, in one transaction: there is
// no moment without one. The interface must exist. "nft list table netdev hvctl_vif3.0" shows it, with counters of what
// it has refused.
std::string filter_rules(const NicFilter& filter);

// What shows it: an nft command.
std::string filter_listing(const std::string& interface);

// Takes it away; also when there is none.
std::string filter_removal(const std::string& interface);

}  // namespace hvctld
