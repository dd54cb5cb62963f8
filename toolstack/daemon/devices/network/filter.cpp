#include "devices/network/filter.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <string_view>
#include <utility>

namespace hvctld {
namespace {

using config::IpPrefix;

// Of one family, without overlaps, which nft refuses in a set.
using Addresses = std::vector<IpPrefix>;

// Why frames were refused; what the chains below end in.
constexpr std::array<std::string_view, 10> kCounters{
    "exceeded_rate",     "spoofed_mac",  "spoofed_arp",    "spoofed_ip4",    "spoofed_ip6",
    "spoofed_neighbour", "refused_type", "refused_server", "refused_router", "refused_headers"};

// By number, since nft looks most of these names up in /etc/protocols, which not every Dom0 has.
constexpr int kPim = 103;
// Extension headers of IPv6: hop-by-hop, routing, fragment, AH, destination, mobility, HIP, shim6.
constexpr std::string_view kExtensions = "0, 43, 44, 51, 60, 135, 139, 140";

constexpr std::uint64_t kBurstsPerSecond = 10;
constexpr std::uint64_t kLeastBurst = 256 * 1024;  // some packets of the largest kind

std::string table_of(const std::string& interface) {
    return "netdev hvctl_" + interface;
}

void add_address(Addresses& addresses, IpPrefix added) {
    // The network that a host is in is nothing that its frames tell.
    if (!added.is_network()) added.length = added.bits();
    if (std::ranges::any_of(addresses, [&](const IpPrefix& there) { return there.covers(added); })) return;
    std::erase_if(addresses, [&](const IpPrefix& there) { return added.covers(there); });
    addresses.push_back(added);
}

IpPrefix link_local_of(const config::MacAddress& mac) {
    constexpr std::uint8_t kUniversal = 0x02;
    return {.six = true,
            .bytes = {0xfe, 0x80, 0, 0, 0, 0, 0, 0, static_cast<std::uint8_t>(mac[0] ^ kUniversal), mac[1], mac[2],
                      0xff, 0xfe, mac[3], mac[4], mac[5]},
            .length = 128};
}

// What a NIC may send from in one family.
struct Own {
    bool any = false;
    Addresses addresses;
    [[nodiscard]] bool none() const { return !any && addresses.empty(); }
};

Own own_of(const NicFilter& filter, bool six) {
    Own own{.any = filter.any_address, .addresses = {}};
    for (const IpPrefix& one : filter.addresses) {
        if (one.six != six) continue;
        if (one.length == 0 && one.is_network()) own.any = true;
        add_address(own.addresses, one);
    }
    if (six && !own.none()) add_address(own.addresses, link_local_of(filter.mac));
    return own;
}

std::string braces(const std::vector<std::string>& elements) {
    return elements.size() == 1 ? elements[0] : fmt::format("{{ {} }}", fmt::join(elements, ", "));
}

std::string one_of(const Addresses& addresses) {
    std::vector<std::string> elements;
    for (const IpPrefix& one : addresses) elements.push_back(one.length == one.bits() ? one.address() : one.text());
    return braces(elements);
}

// That a neighbour solicitation or advertisement is about one of them. nft 1.0.6 has no name for that field.
std::string target_is_one_of(const Addresses& addresses) {
    std::vector<std::string> elements;
    for (const IpPrefix& one : addresses) {
        std::string element = fmt::format("0x{:02x}", fmt::join(one.bytes, ""));
        if (one.length != one.bits()) {
            IpPrefix last = one;
            for (std::uint32_t bit = one.length; bit < one.bits(); ++bit)
                last.bytes[bit / 8] |= static_cast<std::uint8_t>(0x80u >> (bit % 8));
            element += fmt::format("-0x{:02x}", fmt::join(last.bytes, ""));
        }
        elements.push_back(std::move(element));
    }
    return "@th,64,128 " + braces(elements);
}

std::string drop(std::string_view counter) {
    return fmt::format("counter name {} drop", counter);
}

// The last command of a script that concerns one table: of all that there are, libnftables then reads only this one.
std::string read_only(std::string_view table) {
    return fmt::format("list table {}\n", table);
}

// The text of a table, chain by chain.
class Table {
  public:
    explicit Table(const std::string& interface) : name_{table_of(interface)} {
        // Both at once, since delete alone fails where there is none.
        text_ = fmt::format("add table {0}\ndelete table {0}\ntable {0} {{\n", name_);
        for (const std::string_view counter : kCounters) text_ += fmt::format("  counter {} {{ }}\n", counter);
    }
    void chain(std::string_view name, const std::vector<std::string>& rules) {
        text_ += fmt::format("  chain {} {{\n    {}\n  }}\n", name, fmt::join(rules, "\n    "));
    }
    [[nodiscard]] std::string text() const { return text_ + "}\n" + read_only(name_); }

  private:
    std::string name_;
    std::string text_;
};

// In all chains: a field that a frame is too short for compares neither as equal nor as different, so what is accepted
// has been read. Two != of fields side by side must not be in one rule: nft 1.0.6 makes one != of both together.

void add_arp(Table& table, const std::string& mac, const Own& own) {
    const std::string form = "arp htype 1 arp ptype ip arp hlen 6 arp plen 4 ";
    const std::string from = "arp saddr ether " + mac;
    const std::string either = form + "arp operation { request, reply } " + from;
    if (own.any) return table.chain("arp_frames", {either + " accept", drop("spoofed_arp")});
    const std::string addresses = one_of(own.addresses);
    table.chain("arp_frames", {
                                  either + " arp saddr ip " + addresses + " accept",
                                  form + "arp operation request " + from + " arp saddr ip 0.0.0.0 arp daddr ip " +
                                      addresses + " accept",
                                  drop("spoofed_arp"),
                              });
}

void add_ip4(Table& table, const Own& own) {
    const std::string reports =
        "igmp type { membership-report-v1, membership-report-v2, leave-group, membership-report-v3 } accept";
    // Types and ports are in the first fragment, whole: later ones begin 8 bytes on at least.
    const std::string later_fragments = "ip frag-off & 0x1fff != 0 accept";
    table.chain("ip4_udp", {
                               // Some programs that read raw frames take IP options for the header that follows them.
                               "ip hdrlength != 5 " + drop("refused_headers"),
                               // A server may use any port: clients look at their own.
                               "udp sport 67 " + drop("refused_server"),
                               "udp dport 68 " + drop("refused_server"),
                               "udp length >= 8 accept",
                               later_fragments,
                               drop("refused_headers"),
                           });
    table.chain("ip4_icmp",
                {"icmp type != { redirect, router-advertisement } accept", later_fragments, drop("refused_router")});
    table.chain("ip4_igmp", {reports, drop("refused_router")});
    table.chain("ip4_own", {
                               "meta l4proto tcp accept",
                               "meta l4proto vmap { udp : goto ip4_udp, icmp : goto ip4_icmp, igmp : goto ip4_igmp }",
                               fmt::format("meta l4proto {} {}", kPim, drop("refused_router")),
                               fmt::format("meta l4proto != {} accept", kPim),
                               drop("refused_headers"),
                           });
    if (own.any) return table.chain("ip4_frames", {"goto ip4_own"});
    table.chain("ip4_frames",
                {
                    "ip saddr " + one_of(own.addresses) + " goto ip4_own",
                    "ip saddr 0.0.0.0 ip daddr 255.255.255.255 ip hdrlength 5 udp sport 68 udp dport 67 accept",
                    "ip saddr 0.0.0.0 " + reports,
                    drop("spoofed_ip4"),
                });
}

// All that is looked at is in the first 128 bytes of a frame, which netback copies. What follows is the guest's memory,
// which it can still change after the look: a reason more for so few extension headers.
void add_ip6(Table& table, const Own& own) {
    const std::string own_target = own.any ? "" : target_is_one_of(own.addresses) + " ";
    table.chain("ip6_udp", {
                               "udp sport 547 " + drop("refused_server"),
                               "udp dport 546 " + drop("refused_server"),
                               "udp length >= 8 accept",
                               drop("refused_headers"),
                           });
    table.chain(
        "ip6_icmp",
        {
            "icmpv6 type { destination-unreachable, packet-too-big, time-exceeded, parameter-problem, echo-request, "
            "echo-reply, nd-router-solicit, nd-neighbor-solicit } accept",
            "icmpv6 type nd-neighbor-advert " + own_target + "accept",
            "icmpv6 type nd-neighbor-advert " + drop("spoofed_neighbour"),
            drop("refused_router"),
        });
    table.chain("ip6_reports",
                {
                    "hbh hdrlength 0 hbh nexthdr icmpv6 icmpv6 type { mld-listener-report, mld-listener-done, "
                    "mld2-listener-report } accept",
                    drop("refused_headers"),
                });
    // The first fragment says what the whole is (RFC 7112): it has the upper header, and that is not neighbour
    // discovery's (RFC 6980).
    table.chain("ip6_fragments", {
                                     "frag frag-off != 0 accept",
                                     "frag nexthdr udp goto ip6_udp",
                                     "frag nexthdr icmpv6 icmpv6 type { echo-request, echo-reply } accept",
                                     fmt::format("frag nexthdr != {{ {}, icmpv6, {} }} accept", kExtensions, kPim),
                                     drop("refused_headers"),
                                 });
    table.chain("ip6_own",
                {
                    "ip6 nexthdr tcp accept",
                    "ip6 nexthdr vmap { udp : goto ip6_udp, icmpv6 : goto ip6_icmp, 0 : goto ip6_reports, 44 : goto "
                    "ip6_fragments }",
                    fmt::format("ip6 nexthdr {} {}", kPim, drop("refused_router")),
                    fmt::format("ip6 nexthdr != {{ {} }} accept", kExtensions),
                    drop("refused_headers"),
                });
    if (own.any) return table.chain("ip6_frames", {"goto ip6_own"});
    table.chain("ip6_frames",
                {
                    "ip6 saddr " + one_of(own.addresses) + " goto ip6_own",
                    "ip6 saddr :: ip6 nexthdr icmpv6 icmpv6 type nd-neighbor-solicit " + own_target + "accept",
                    "ip6 saddr :: ip6 nexthdr 0 goto ip6_reports",
                    drop("spoofed_ip6"),
                });
}

}  // namespace

std::string filter_rules(const NicFilter& filter) {
    const std::string mac = fmt::format("{:02x}", fmt::join(filter.mac, ":"));
    const Own four = own_of(filter, false);
    const Own six = own_of(filter, true);
    Table table{filter.interface};
    std::vector<std::string> types;
    if (!four.none()) {
        add_arp(table, mac, four);
        add_ip4(table, four);
        types.insert(types.end(), {"ip : goto ip4_frames", "arp : goto arp_frames"});
    }
    if (!six.none()) {
        add_ip6(table, six);
        types.emplace_back("ip6 : goto ip6_frames");
    }
    std::vector<std::string> rules{
        fmt::format("type filter hook ingress device \"{}\" priority -500; policy drop;", filter.interface)};
    // Netback holds back what a queue of the guest sends too much of; how many queues there are is the guest's choice.
    if (filter.rate_bits != 0) {
        const std::uint64_t bytes = std::max<std::uint64_t>(filter.rate_bits / 8, 1);
        rules.push_back(fmt::format("limit rate over {} bytes/second burst {} bytes {}", bytes,
                                    std::max(bytes / kBurstsPerSecond, kLeastBurst), drop("exceeded_rate")));
    }
    // The type as the frame has it: of a tagged one that is the tag's, whatever is inside.
    if (!types.empty())
        rules.push_back(fmt::format("ether saddr {} ether type vmap {{ {} }}", mac, fmt::join(types, ", ")));
    rules.push_back(fmt::format("ether saddr != {} {}", mac, drop("spoofed_mac")));
    rules.push_back(drop("refused_type"));
    table.chain("frames", rules);
    return table.text();
}

std::string filter_listing(const std::string& interface) {
    return read_only(table_of(interface));
}

std::string filter_removal(const std::string& interface) {
    // There must be a table for the last command; an empty one that is ours goes with the library's socket.
    const std::string table = table_of(interface);
    return fmt::format("add table {0}\ndelete table {0}\nadd table {0} {{ flags owner; }}\n", table) + read_only(table);
}

}  // namespace hvctld
