#include "devices/network/probe_frames.hpp"

#include <fmt/format.h>
#include <linux/if_ether.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <initializer_list>
#include <optional>
#include <span>
#include <string_view>

namespace hvctld {
namespace {

using config::IpPrefix;
using config::MacAddress;
using Bytes = std::vector<std::uint8_t>;

// Nobody's: a bridge that does not know it gives it to all.
constexpr MacAddress kSomebody{0x02, 0x16, 0x3e, 0xff, 0xff, 0x01};
constexpr MacAddress kOther{0x02, 0x16, 0x3e, 0xff, 0xff, 0x02};

class Packet {
  public:
    Packet& byte(unsigned value) {
        bytes_.push_back(static_cast<std::uint8_t>(value));
        return *this;
    }
    Packet& word(unsigned value) { return byte(value >> 8).byte(value & 0xff); }
    Packet& raw(std::span<const std::uint8_t> bytes) {
        bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
        return *this;
    }
    Packet& zeros(std::size_t count) {
        bytes_.resize(bytes_.size() + count);
        return *this;
    }
    Packet& address(const IpPrefix& address) { return raw(std::span{address.bytes}.first(address.bits() / 8)); }
    [[nodiscard]] const Bytes& bytes() const { return bytes_; }

  private:
    Bytes bytes_;
};

IpPrefix parsed(std::string_view text) {
    return config::parse_ip_prefix(text).value_or(IpPrefix{});
}

Bytes frame(const MacAddress& from, unsigned type, const Bytes& content) {
    Packet packet;
    packet.raw(kSomebody).raw(from).word(type).raw(content);
    if (packet.bytes().size() < ETH_ZLEN) packet.zeros(ETH_ZLEN - packet.bytes().size());
    return packet.bytes();
}

Bytes arp(unsigned operation, const MacAddress& mac, const IpPrefix& from, const IpPrefix& to) {
    constexpr unsigned kEthernet = 1;
    Packet packet;
    packet.word(kEthernet).word(ETH_P_IP).byte(ETH_ALEN).byte(4).word(operation);
    return packet.raw(mac).address(from).zeros(mac.size()).address(to).bytes();
}

// RFC 1071. Only the header's: a bridge may look at that.
unsigned checksum(std::span<const std::uint8_t> header) {
    unsigned sum = 0;
    for (std::size_t i = 0; i + 1 < header.size(); i += 2) sum += (unsigned{header[i]} << 8) | header[i + 1];
    while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
    return ~sum & 0xffff;
}

Bytes ip4(const IpPrefix& from, const IpPrefix& to, unsigned protocol, const Bytes& content) {
    constexpr unsigned kHeader = 20;
    constexpr unsigned kTtl = 64;
    constexpr std::size_t kChecksum = 10;
    Packet header;
    header.byte(0x45).byte(0).word(static_cast<unsigned>(kHeader + content.size())).word(0).word(0);
    header.byte(kTtl).byte(protocol).word(0).address(from).address(to);
    Bytes bytes = header.bytes();
    const unsigned sum = checksum(bytes);
    bytes[kChecksum] = static_cast<std::uint8_t>(sum >> 8);
    bytes[kChecksum + 1] = static_cast<std::uint8_t>(sum & 0xff);
    bytes.insert(bytes.end(), content.begin(), content.end());
    return bytes;
}

Bytes ip6(const IpPrefix& from, const IpPrefix& to, unsigned next, const Bytes& content) {
    constexpr unsigned kHops = 255;
    Packet packet;
    packet.byte(0x60).zeros(3).word(static_cast<unsigned>(content.size())).byte(next).byte(kHops);
    return packet.address(from).address(to).raw(content).bytes();
}

Bytes udp(unsigned from, unsigned to) {
    constexpr unsigned kLength = 8;
    return Packet{}.word(from).word(to).word(kLength).word(0).bytes();
}

Bytes icmp(unsigned type, std::initializer_list<IpPrefix> addresses = {}) {
    Packet packet;
    packet.byte(type).byte(0).word(0).zeros(4);
    for (const IpPrefix& address : addresses) packet.address(address);
    return packet.bytes();
}

// What a NIC may send from in one family, and what it may not.
struct Family {
    bool six = false;
    bool any = false;
    std::optional<IpPrefix> own;
    std::vector<IpPrefix> others;
};

bool is_own(const config::NicDefinition& nic, const IpPrefix& address) {
    return std::ranges::any_of(nic.addresses, [&](const IpPrefix& one) {
        return one.six == address.six && (one.is_network() ? one.covers(address) : one.bytes == address.bytes);
    });
}

IpPrefix host(IpPrefix address) {
    if (address.is_network() && address.length < address.bits()) address.bytes[address.bits() / 8 - 1] |= 1;
    address.length = address.bits();
    return address;
}

Family family(const config::NicDefinition& nic, const std::vector<IpPrefix>& hosts, bool six) {
    Family result{.six = six, .any = nic.any_address, .own = {}, .others = {}};
    std::vector<IpPrefix> candidates = hosts;
    for (const IpPrefix& one : nic.addresses) {
        if (one.six != six) continue;
        if (one.is_network() && one.length == 0) result.any = true;
        if (!result.own) result.own = host(one);
        IpPrefix neighbour = host(one);
        neighbour.bytes[one.bits() / 8 - 1] ^= 2;
        candidates.push_back(neighbour);
    }
    candidates.push_back(parsed(six ? "2001:db8:ffff::77" : "198.51.100.77"));
    if (result.any && !result.own) result.own = candidates.back();
    for (const IpPrefix& one : candidates) {
        if (one.six == six && !is_own(nic, one)) result.others.push_back(host(one));
    }
    return result;
}

class Frames {
  public:
    explicit Frames(const MacAddress& mac) : mac_{mac} {}

    void four(const Family& family) {
        constexpr unsigned kRequest = 1;
        constexpr unsigned kReply = 2;
        const IpPrefix somebody = parsed("203.0.113.1");
        if (family.own) {
            add(true, fmt::format("ARP for its own {}", family.own->address()), ETH_P_ARP,
                arp(kReply, mac_, *family.own, somebody));
            add(true, fmt::format("IPv4 from its own {}", family.own->address()), ETH_P_IP,
                ip4(*family.own, somebody, IPPROTO_UDP, udp(kPort, kPort)));
            frames_.push_back({"ARP that names another MAC address",
                               frame(mac_, ETH_P_ARP, arp(kReply, kOther, *family.own, somebody)), false});
            add(false, "answers of a DHCP server", ETH_P_IP,
                ip4(*family.own, somebody, IPPROTO_UDP, udp(kDhcpServer, kDhcpClient)));
            add(false, "ICMP redirects", ETH_P_IP, ip4(*family.own, somebody, IPPROTO_ICMP, icmp(kRedirect)));
            add(false, "ICMP router advertisements", ETH_P_IP,
                ip4(*family.own, somebody, IPPROTO_ICMP, icmp(kIcmpRouter)));
        }
        for (const IpPrefix& other : family.others) {
            add(family.any, fmt::format("ARP for {}, which is not its own", other.address()), ETH_P_ARP,
                arp(kReply, mac_, other, somebody));
            add(family.any, fmt::format("ARP requests as {}", other.address()), ETH_P_ARP,
                arp(kRequest, mac_, other, somebody));
            add(family.any, fmt::format("IPv4 from {}, which is not its own", other.address()), ETH_P_IP,
                ip4(other, somebody, IPPROTO_UDP, udp(kPort, kPort)));
        }
    }

    void six(const Family& family) {
        const IpPrefix somebody = parsed("2001:db8:fffe::1");
        if (family.own) {
            add(true, fmt::format("IPv6 from its own {}", family.own->address()), ETH_P_IPV6,
                ip6(*family.own, somebody, IPPROTO_UDP, udp(kPort, kPort)));
            add(true, fmt::format("neighbour advertisements for its own {}", family.own->address()), ETH_P_IPV6,
                ip6(*family.own, somebody, IPPROTO_ICMPV6, icmp(kAdvertisement, {*family.own})));
            add(false, "IPv6 router advertisements", ETH_P_IPV6,
                ip6(*family.own, somebody, IPPROTO_ICMPV6, icmp(kRouter)));
            add(false, "answers of a DHCPv6 server", ETH_P_IPV6,
                ip6(*family.own, somebody, IPPROTO_UDP, udp(kDhcp6Server, kDhcp6Client)));
            add(false, "IPv6 redirects", ETH_P_IPV6,
                ip6(*family.own, somebody, IPPROTO_ICMPV6, icmp(kRedirect6, {somebody, *family.own})));
        }
        for (const IpPrefix& other : family.others) {
            add(family.any, fmt::format("IPv6 from {}, which is not its own", other.address()), ETH_P_IPV6,
                ip6(other, somebody, IPPROTO_UDP, udp(kPort, kPort)));
            if (!family.own) continue;
            add(family.any, fmt::format("neighbour advertisements for {}", other.address()), ETH_P_IPV6,
                ip6(*family.own, somebody, IPPROTO_ICMPV6, icmp(kAdvertisement, {other})));
        }
    }

    void others(const Family& four, const Family& six) {
        constexpr unsigned kVlan = 0x8100;
        constexpr unsigned kNobodysType = 0x88b5;  // IEEE 802: for experiments
        const Bytes content = four.own  ? ip4(*four.own, parsed("203.0.113.1"), IPPROTO_UDP, udp(kPort, kPort))
                              : six.own ? ip6(*six.own, parsed("2001:db8:fffe::1"), IPPROTO_UDP, udp(kPort, kPort))
                                        : Bytes{};
        const unsigned type = four.own ? ETH_P_IP : ETH_P_IPV6;
        frames_.push_back({"frames from another MAC address", frame(kOther, type, content), false});
        add(false, "frames with a VLAN tag", kVlan, Packet{}.word(1).word(type).raw(content).bytes());
        add(false, "frames that are neither ARP nor IP", kNobodysType, Bytes{});
    }

    [[nodiscard]] std::vector<ProbeFrame> take() { return std::move(frames_); }

  private:
    static constexpr unsigned kPort = 40404;
    static constexpr unsigned kDhcpServer = 67;
    static constexpr unsigned kDhcpClient = 68;
    static constexpr unsigned kDhcp6Server = 547;
    static constexpr unsigned kDhcp6Client = 546;
    static constexpr unsigned kRedirect = 5;  // of ICMP
    static constexpr unsigned kIcmpRouter = 9;
    static constexpr unsigned kRouter = 134;  // of ICMPv6
    static constexpr unsigned kAdvertisement = 136;
    static constexpr unsigned kRedirect6 = 137;

    void add(bool allowed, std::string what, unsigned type, const Bytes& content) {
        frames_.push_back({std::move(what), frame(mac_, type, content), allowed});
    }

    const MacAddress mac_;
    std::vector<ProbeFrame> frames_;
};

}  // namespace

std::vector<ProbeFrame> probe_frames(const config::NicDefinition& nic, const std::vector<IpPrefix>& hosts) {
    Frames frames{nic.mac.value_or(MacAddress{})};
    const Family four = family(nic, hosts, false);
    const Family six = family(nic, hosts, true);
    frames.four(four);
    frames.six(six);
    frames.others(four, six);
    return frames.take();
}

}  // namespace hvctld
