// What a guest may and may not send, frame by frame; runs in guests, too.
//   spoof_frames send INTERFACE MAC IPV4 IPV6 OTHER_IPV4 OTHER_IPV6 spoofed|legitimate|all
//       sends every frame of one kind, as the NIC that has MAC, IPV4 and IPV6, then a legitimate one named "end".
//   spoof_frames list spoofed|legitimate
//       their names; after "address" those that are wrong for their addresses alone.
//   spoof_frames receive INTERFACE SECONDS
//       says "ready", then the names of the frames that come, until "end" has come or time is over.
// Destinations are addresses that a bridge floods.
#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

using Bytes = std::vector<std::uint8_t>;

constexpr std::string_view kMark = "hv-frame:";

Bytes operator+(Bytes first, const Bytes& second) {
    first.insert(first.end(), second.begin(), second.end());
    return first;
}

Bytes word(unsigned value) {
    return {static_cast<std::uint8_t>(value >> 8), static_cast<std::uint8_t>(value)};
}

Bytes zeros(std::size_t count) {
    return Bytes(count);
}

unsigned checksum(const Bytes& data) {
    unsigned sum = 0;
    for (std::size_t i = 0; i < data.size(); ++i) sum += i % 2 == 0 ? data[i] << 8u : data[i];
    while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
    return ~sum & 0xffff;
}

void put_word(Bytes& data, std::size_t at, unsigned value) {
    data[at] = static_cast<std::uint8_t>(value >> 8);
    data[at + 1] = static_cast<std::uint8_t>(value);
}

Bytes address(int family, const char* text) {
    Bytes bytes(family == AF_INET ? 4 : 16);
    if (inet_pton(family, text, bytes.data()) != 1) {
        std::fprintf(stderr, "spoof_frames: %s is no address\n", text);
        std::exit(2);
    }
    return bytes;
}

Bytes six(const char* text) {
    return address(AF_INET6, text);
}

Bytes ethernet(const Bytes& to, const Bytes& from, unsigned type, const Bytes& payload) {
    return to + from + word(type) + payload;
}

struct Ip4 {
    Bytes from, to;
    std::uint8_t protocol;
    unsigned fragment = 0;  // flags and offset, as in the header
    Bytes options = {};
};

Bytes ip4(const Ip4& header, const Bytes& payload) {
    const std::size_t length = 20 + header.options.size();
    Bytes bytes = Bytes{static_cast<std::uint8_t>(0x40 + length / 4), 0} +
                  word(static_cast<unsigned>(length + payload.size())) + word(0x1234) + word(header.fragment) +
                  Bytes{64, header.protocol, 0, 0} + header.from + header.to + header.options;
    put_word(bytes, 10, checksum(bytes));
    return bytes + payload;
}

Bytes ip6(const Bytes& from, const Bytes& to, std::uint8_t next, const Bytes& payload) {
    return Bytes{0x60, 0, 0, 0} + word(static_cast<unsigned>(payload.size())) + Bytes{next, 255} + from + to + payload;
}

Bytes udp(unsigned from, unsigned to, const Bytes& payload) {
    return word(from) + word(to) + word(static_cast<unsigned>(8 + payload.size())) + word(0) + payload;
}

Bytes tcp(const Bytes& payload) {
    return word(40000) + word(80) + zeros(8) + Bytes{0x50, 0x02, 0x10, 0} + zeros(4) + payload;
}

Bytes icmp(std::uint8_t type, const Bytes& body) {
    Bytes bytes = Bytes{type, 0, 0, 0} + body;
    put_word(bytes, 2, checksum(bytes));
    return bytes;
}

Bytes icmp6(const Bytes& from, const Bytes& to, std::uint8_t type, const Bytes& body) {
    Bytes bytes = Bytes{type, 0, 0, 0} + body;
    const Bytes pseudo = from + to + word(0) + word(static_cast<unsigned>(bytes.size())) + Bytes{0, 0, 0, 58};
    put_word(bytes, 2, checksum(pseudo + bytes));
    return bytes;
}

// One that is followed by header `next`.
Bytes fragment6(std::uint8_t next, unsigned offset, bool more) {
    return Bytes{next, 0} + word(offset << 3 | (more ? 1u : 0u)) + Bytes{0, 0, 0x12, 0x34};
}

struct Frame {
    std::string name;
    Bytes bytes;
    bool address_alone = false;  // what is wrong with it
};

struct Nic {
    Bytes mac, ip, ip6, other_ip, other_ip6;
    [[nodiscard]] Bytes link_local() const {
        Bytes bytes = six("fe80::");
        const std::uint8_t identifier[] = {
            static_cast<std::uint8_t>(mac[0] ^ 2), mac[1], mac[2], 0xff, 0xfe, mac[3], mac[4], mac[5]};
        std::memcpy(bytes.data() + 8, identifier, sizeof identifier);
        return bytes;
    }
};

class Frames {
  public:
    explicit Frames(const Nic& nic) : nic_{nic} {}

    std::vector<Frame> spoofed() {
        add_ethernet();
        add_arp();
        add_ip4();
        add_ip6();
        add_neighbours();
        return std::move(frames_);
    }

    std::vector<Frame> legitimate() {
        const Bytes none = zeros(4);
        arp("arp-request", {1, nic_.mac, nic_.ip, nic_.other_ip});
        arp("arp-reply", {2, nic_.mac, nic_.ip, nic_.other_ip});
        arp("arp-probe", {1, nic_.mac, none, nic_.ip});
        arp("arp-announcement", {1, nic_.mac, nic_.ip, nic_.ip});
        four("tcp4", {nic_.ip, nic_.other_ip, 6}, tcp(mark("tcp4")));
        four("udp4", {nic_.ip, nic_.other_ip, 17}, udp(40000, 53, mark("udp4")));
        four("udp4-multicast", {nic_.ip, {224, 0, 0, 251}, 17}, udp(5353, 5353, mark("udp4-multicast")));
        four("ping4", {nic_.ip, nic_.other_ip, 1}, icmp(8, zeros(4) + mark("ping4")));
        four("ping4-options", {nic_.ip, nic_.other_ip, 1, 0, {1, 1, 1, 0}}, icmp(8, zeros(4) + mark("ping4-options")));
        four("ping4-fragment", {nic_.ip, nic_.other_ip, 1, 0x2000}, icmp(8, zeros(4) + mark("ping4-fragment")));
        four("ping4-later", {nic_.ip, nic_.other_ip, 1, 5}, mark("ping4-later"));
        four("udp4-fragment", {nic_.ip, nic_.other_ip, 17, 0x2000}, udp(40000, 2049, mark("udp4-fragment")));
        four("udp4-later", {nic_.ip, nic_.other_ip, 17, 5}, mark("udp4-later"));
        four("gre4", {nic_.ip, nic_.other_ip, 47}, zeros(4) + mark("gre4"));
        four("sctp4", {nic_.ip, nic_.other_ip, 132}, zeros(12) + mark("sctp4"));
        four("dhcp-discover", {none, Bytes(4, 255), 17}, udp(68, 67, mark("dhcp-discover")));
        four("dhcp-renew", {nic_.ip, nic_.other_ip, 17}, udp(68, 67, mark("dhcp-renew")));
        igmp("igmp-report2", nic_.ip, 0x16);
        igmp("igmp-report3", nic_.ip, 0x22);
        igmp("igmp-leave", nic_.ip, 0x17);
        igmp("igmp-report-early", none, 0x22);

        const Bytes any = six("::");
        const Bytes link = nic_.link_local();
        const Bytes all = six("ff02::1");
        sixth("tcp6", nic_.ip6, nic_.other_ip6, 6, tcp(mark("tcp6")));
        sixth("udp6", nic_.ip6, nic_.other_ip6, 17, udp(40000, 53, mark("udp6")));
        sixth("esp6", nic_.ip6, nic_.other_ip6, 50, zeros(8) + mark("esp6"));
        control("ping6", nic_.ip6, nic_.other_ip6, 128, zeros(4));
        control("ping6-link-local", link, all, 128, zeros(4));
        control("packet-too-big", nic_.ip6, nic_.other_ip6, 2, zeros(4));
        sixth("ping6-fragment", nic_.ip6, nic_.other_ip6, 44,
              fragment6(58, 0, true) + icmp(128, zeros(4) + mark("ping6-fragment")));
        sixth("ping6-later", nic_.ip6, nic_.other_ip6, 44, fragment6(58, 5, false) + mark("ping6-later"));
        sixth("udp6-fragment", nic_.ip6, nic_.other_ip6, 44,
              fragment6(17, 0, true) + udp(40000, 2049, mark("udp6-fragment")));
        sixth("udp6-later", nic_.ip6, nic_.other_ip6, 44, fragment6(17, 5, false) + mark("udp6-later"));
        sixth("dhcp6-client", link, six("ff02::1:2"), 17, udp(546, 547, mark("dhcp6-client")));
        control("dad", any, six("ff02::1:ff00:10"), 135, zeros(4) + nic_.ip6);
        control("dad-link-local", any, six("ff02::1:ff00:10"), 135, zeros(4) + link);
        control("neighbour-solicitation", nic_.ip6, nic_.other_ip6, 135, zeros(4) + nic_.other_ip6);
        control("neighbour-advertisement", nic_.ip6, all, 136, zeros(4) + nic_.ip6);
        control("neighbour-advertisement-link-local", link, all, 136, zeros(4) + link);
        control("router-solicitation", link, six("ff02::2"), 133, zeros(4));
        reports("mld-report", link, 143);
        reports("mld-report-early", any, 143);
        reports("mld1-report", link, 131);
        return std::move(frames_);
    }

    Frame end() {
        four("end", {nic_.ip, nic_.other_ip, 17}, udp(40000, 53, mark("end")));
        return frames_.back();
    }

  private:
    struct Arp {
        unsigned operation;
        Bytes sender, sender_ip, target_ip;
        unsigned hardware = 1;
    };

    static Bytes mark(std::string_view name) {
        const std::string text = std::string{kMark}.append(name).append(";");
        return Bytes{text.begin(), text.end()} + Bytes((8 - text.size() % 8) % 8, ' ');
    }

    void raw(const std::string& name, const Bytes& to, const Bytes& from, unsigned type, const Bytes& payload) {
        frames_.push_back({name, ethernet(to, from, type, payload), false});
    }
    void arp(const std::string& name, const Arp& arp) {
        raw(name, everybody_, nic_.mac, 0x0806,
            word(arp.hardware) + word(0x0800) + Bytes{6, 4} + word(arp.operation) + arp.sender + arp.sender_ip +
                zeros(6) + arp.target_ip + mark(name));
    }
    void four(const std::string& name, const Ip4& header, const Bytes& payload) {
        raw(name, neighbour_, nic_.mac, 0x0800, ip4(header, payload));
    }
    // Of IGMP, which has the router alert option.
    void igmp(const std::string& name, const Bytes& from, std::uint8_t type) {
        four(name, {from, {224, 0, 0, 22}, 2, 0, {0x94, 4, 0, 0}}, icmp(type, zeros(4) + mark(name)));
    }
    void sixth(const std::string& name, const Bytes& from, const Bytes& to, std::uint8_t next, const Bytes& payload) {
        raw(name, neighbour_, nic_.mac, 0x86dd, ip6(from, to, next, payload));
    }
    void control(const std::string& name, const Bytes& from, const Bytes& to, std::uint8_t type, const Bytes& body) {
        sixth(name, from, to, 58, icmp6(from, to, type, body + mark(name)));
    }
    // Of MLD, which has hop-by-hop options with a router alert.
    void reports(const std::string& name, const Bytes& from, std::uint8_t type) {
        const Bytes to = six("ff02::16");
        sixth(name, from, to, 0, Bytes{58, 0, 5, 2, 0, 0, 1, 0} + icmp6(from, to, type, zeros(20) + mark(name)));
    }
    void address_alone(std::size_t before) {
        for (std::size_t i = before; i < frames_.size(); ++i) frames_[i].address_alone = true;
    }

    void add_ethernet() {
        const Bytes other{0x00, 0x16, 0x3e, 0xff, 0xff, 0xfe};
        const Ip4 own{nic_.ip, nic_.other_ip, 17};
        const auto packet = [&](const char* name) { return ip4(own, udp(40000, 53, mark(name))); };
        raw("mac", neighbour_, other, 0x0800, packet("mac"));
        raw("mac-ip6", neighbour_, other, 0x86dd, ip6(nic_.ip6, nic_.other_ip6, 17, udp(40000, 53, mark("mac-ip6"))));
        raw("vlan", neighbour_, nic_.mac, 0x8100, word(5) + word(0x0800) + packet("vlan"));
        raw("vlan-priority", neighbour_, nic_.mac, 0x8100, word(0xe000) + word(0x0800) + packet("vlan-priority"));
        raw("vlan-provider", neighbour_, nic_.mac, 0x88a8, word(5) + word(0x0800) + packet("vlan-provider"));
        raw("vlan-double", neighbour_, nic_.mac, 0x8100,
            word(5) + word(0x8100) + word(6) + word(0x0800) + packet("vlan-double"));
        raw("spanning-tree", everybody_, nic_.mac, 60,
            Bytes{0x42, 0x42, 3, 0, 0, 0, 0} + mark("spanning-tree") + zeros(24));
        raw("snap-ip4", neighbour_, nic_.mac, 200,
            Bytes{0xaa, 0xaa, 3, 0, 0, 0, 8, 0} + packet("snap-ip4") + zeros(140));
        const struct {
            const char* name;
            unsigned type;
        } types[] = {{"lldp", 0x88cc}, {"eapol", 0x888e}, {"pause", 0x8808}, {"slow", 0x8809}, {"rarp", 0x8035},
                     {"mpls", 0x8847}, {"pppoe", 0x8863}, {"ptp", 0x88f7},   {"wake", 0x0842}};
        for (const auto& [name, type] : types) raw(name, everybody_, nic_.mac, type, mark(name) + zeros(40));
    }

    void add_arp() {
        const Bytes other{0x00, 0x16, 0x3e, 0xff, 0xff, 0xfe};
        arp("arp-sender-mac", {2, other, nic_.ip, nic_.other_ip});
        arp("arp-hardware", {1, nic_.mac, nic_.ip, nic_.other_ip, 6});
        arp("arp-inverse", {9, nic_.mac, nic_.ip, nic_.other_ip});
        const std::size_t before = frames_.size();
        arp("arp-reply-for-other", {2, nic_.mac, nic_.other_ip, nic_.ip});
        arp("arp-request-as-other", {1, nic_.mac, nic_.other_ip, nic_.ip});
        arp("arp-announce-other", {1, nic_.mac, nic_.other_ip, nic_.other_ip});
        arp("arp-probe-other", {1, nic_.mac, zeros(4), nic_.other_ip});
        address_alone(before);
    }

    void add_ip4() {
        const Bytes all(4, 255);
        const auto server = [&](const char* name, unsigned from, unsigned to) {
            four(name, {nic_.ip, all, 17}, udp(from, to, mark(name)));
        };
        server("dhcp-server", 67, 68);
        server("dhcp-server-port", 1067, 68);
        server("dhcp-server-to-port", 67, 1068);
        server("dhcp-relay", 67, 67);
        four("dhcp-server-fragment", {nic_.ip, all, 17, 0x2000}, udp(67, 68, mark("dhcp-server-fragment")));
        four("dhcp-server-options", {nic_.ip, all, 17, 0, {1, 1, 1, 0}}, udp(67, 68, mark("dhcp-server-options")));
        four("dhcp-server-in-options", {nic_.ip, all, 17, 0, {0, 67, 0, 68}},
             udp(40000, 53, mark("dhcp-server-in-options")));
        four("dhcp-server-from-zero", {zeros(4), all, 17}, udp(67, 68, mark("dhcp-server-from-zero")));
        igmp("igmp-query", nic_.ip, 0x11);
        igmp("igmp-query-from-zero", zeros(4), 0x11);
        igmp("multicast-router-discovery", nic_.ip, 0x30);
        four("igmp-fragment", {nic_.ip, {224, 0, 0, 1}, 2, 5}, mark("igmp-fragment"));
        four("pim", {nic_.ip, {224, 0, 0, 13}, 103}, Bytes{0x20, 0, 0, 0} + mark("pim"));
        four("redirect", {nic_.ip, nic_.other_ip, 1}, icmp(5, nic_.ip + mark("redirect")));
        four("router-advertisement4", {nic_.ip, all, 1}, icmp(9, zeros(4) + mark("router-advertisement4")));
        Bytes broken = ip4({nic_.ip, nic_.other_ip, 17}, udp(40000, 53, mark("header-too-short")));
        broken[0] = 0x44;
        raw("header-too-short", neighbour_, nic_.mac, 0x0800, broken);
        const std::size_t before = frames_.size();
        four("source4", {nic_.other_ip, nic_.ip, 17}, udp(40000, 53, mark("source4")));
        four("source4-tcp", {nic_.other_ip, nic_.ip, 6}, tcp(mark("source4-tcp")));
        four("source4-later", {nic_.other_ip, nic_.ip, 17, 5}, mark("source4-later"));
        four("zero-udp", {zeros(4), all, 17}, udp(40000, 53, mark("zero-udp")));
        four("zero-dhcp-unicast", {zeros(4), nic_.other_ip, 17}, udp(68, 67, mark("zero-dhcp-unicast")));
        four("zero-tcp", {zeros(4), nic_.other_ip, 6}, tcp(mark("zero-tcp")));
        address_alone(before);
    }

    void add_ip6() {
        const Bytes all = six("ff02::1");
        const Bytes link = nic_.link_local();
        sixth("dhcp6-server", link, all, 17, udp(547, 546, mark("dhcp6-server")));
        sixth("dhcp6-server-port", link, all, 17, udp(1547, 546, mark("dhcp6-server-port")));
        sixth("dhcp6-server-to-port", nic_.ip6, all, 17, udp(547, 1546, mark("dhcp6-server-to-port")));
        sixth("dhcp6-server-fragment", link, all, 44,
              fragment6(17, 0, true) + udp(547, 546, mark("dhcp6-server-fragment")));
        sixth("dhcp6-server-destination", link, all, 60,
              Bytes{17, 0, 1, 4, 0, 0, 0, 0} + udp(547, 546, mark("dhcp6-server-destination")));
        sixth("routing-header", nic_.ip6, nic_.other_ip6, 43,
              Bytes{17, 2, 0, 1, 0, 0, 0, 0} + nic_.other_ip6 + udp(40000, 53, mark("routing-header")));
        sixth("pim6", link, six("ff02::d"), 103, Bytes{0x20, 0, 0, 0} + mark("pim6"));
        reports("mld-query", link, 130);
        control("mld-query-bare", link, all, 130, zeros(20));
        reports("multicast-router-discovery6", link, 151);
        const std::size_t before = frames_.size();
        sixth("source6", nic_.other_ip6, nic_.ip6, 17, udp(40000, 53, mark("source6")));
        sixth("source6-router", six("fe80::1"), all, 17, udp(40000, 53, mark("source6-router")));
        sixth("unspecified-udp", six("::"), all, 17, udp(40000, 53, mark("unspecified-udp")));
        control("unspecified-ping", six("::"), all, 128, zeros(4));
        address_alone(before);
    }

    void add_neighbours() {
        const Bytes all = six("ff02::1");
        const Bytes link = nic_.link_local();
        const auto advertisement = [&](const char* name) { return icmp6(link, all, 134, zeros(12) + mark(name)); };
        control("router-advertisement", link, all, 134, zeros(12));
        sixth("router-advertisement-hop", link, all, 0,
              Bytes{58, 0, 1, 4, 0, 0, 0, 0} + advertisement("router-advertisement-hop"));
        sixth("router-advertisement-destination", link, all, 60,
              Bytes{58, 0, 1, 4, 0, 0, 0, 0} + advertisement("router-advertisement-destination"));
        sixth("router-advertisement-fragment", link, all, 44,
              fragment6(58, 0, true) + advertisement("router-advertisement-fragment"));
        sixth("router-advertisement-atomic", link, all, 44,
              fragment6(58, 0, false) + advertisement("router-advertisement-atomic"));
        // The first fragment ends with its destination options; what follows them comes in the next.
        sixth("upper-header-later", link, all, 44,
              fragment6(60, 0, true) + Bytes{58, 4, 1, 38} + zeros(4) + mark("upper-header-later"));
        sixth("destination-later", link, all, 44,
              fragment6(60, 0, true) + Bytes{58, 9, 1, 4, 0, 0, 0, 0} + mark("destination-later"));
        sixth("neighbour-fragment", link, all, 44,
              fragment6(58, 0, false) + icmp6(link, all, 136, zeros(4) + link + mark("neighbour-fragment")));
        sixth("neighbour-destination", link, all, 60,
              Bytes{58, 0, 1, 4, 0, 0, 0, 0} + icmp6(link, all, 136, zeros(4) + link + mark("neighbour-destination")));
        control("redirect6", link, all, 137, zeros(4) + nic_.other_ip6 + nic_.ip6);
        control("neighbour-too-short", link, all, 138, {});
        const std::size_t before = frames_.size();
        control("advertise-other", nic_.ip6, all, 136, zeros(4) + nic_.other_ip6);
        control("advertise-router", link, all, 136, zeros(4) + six("fe80::1"));
        control("advertise-as-other", nic_.other_ip6, all, 136, zeros(4) + nic_.other_ip6);
        control("dad-other", six("::"), all, 135, zeros(4) + nic_.other_ip6);
        control("dad-router", six("::"), all, 135, zeros(4) + six("fe80::1"));
        control("advertise-unspecified", six("::"), all, 136, zeros(4) + nic_.ip6);
        address_alone(before);
    }

    const Nic& nic_;
    const Bytes everybody_ = Bytes(6, 0xff);
    const Bytes neighbour_{0x02, 0, 0, 0, 0, 0x99};
    std::vector<Frame> frames_;
};

int open_socket(const char* interface, int protocol) {
    const int socket_ = socket(AF_PACKET, SOCK_RAW, htons(static_cast<std::uint16_t>(protocol)));
    sockaddr_ll place{};
    place.sll_family = AF_PACKET;
    place.sll_protocol = htons(static_cast<std::uint16_t>(protocol));
    place.sll_ifindex = static_cast<int>(if_nametoindex(interface));
    if (socket_ < 0 || place.sll_ifindex == 0 ||
        bind(socket_, reinterpret_cast<sockaddr*>(&place), sizeof place) != 0) {
        std::perror(interface);
        std::exit(1);
    }
    return socket_;
}

int receive(const char* interface, int seconds) {
    const int from = open_socket(interface, ETH_P_ALL);
    packet_mreq all{};
    all.mr_ifindex = static_cast<int>(if_nametoindex(interface));
    all.mr_type = PACKET_MR_PROMISC;
    setsockopt(from, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &all, sizeof all);
    std::puts("ready");
    std::fflush(stdout);
    std::set<std::string> seen;
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds{seconds};
    while (!seen.contains("end")) {
        const auto left =
            std::chrono::duration_cast<std::chrono::milliseconds>(end - std::chrono::steady_clock::now()).count();
        pollfd ready{from, POLLIN, 0};
        if (left <= 0 || poll(&ready, 1, static_cast<int>(left)) <= 0) break;
        char buffer[2048];
        sockaddr_ll sender{};
        socklen_t length = sizeof sender;
        const ssize_t got = recvfrom(from, buffer, sizeof buffer, 0, reinterpret_cast<sockaddr*>(&sender), &length);
        if (got <= 0 || sender.sll_pkttype == PACKET_OUTGOING) continue;
        const std::string_view frame{buffer, static_cast<std::size_t>(got)};
        const std::size_t at = frame.find(kMark);
        if (at == std::string_view::npos) continue;
        const std::string_view rest = frame.substr(at + kMark.size());
        const std::string name{rest.substr(0, rest.find(';'))};
        if (seen.insert(name).second) std::puts(name.c_str());
    }
    return 0;
}

int send_all(const char* interface, const std::vector<Frame>& frames) {
    const int to = open_socket(interface, 0);
    for (const Frame& frame : frames) {
        if (::send(to, frame.bytes.data(), frame.bytes.size(), 0) < 0) {
            std::perror(frame.name.c_str());
            return 1;
        }
        usleep(1000);  // so that no queue is too short
    }
    return 0;
}

}  // namespace

int main(int count, char** arguments) {
    const std::vector<std::string> words{arguments + 1, arguments + count};
    if (words.size() == 3 && words[0] == "receive") return receive(arguments[2], std::atoi(arguments[3]));
    Nic nic{Bytes(6), Bytes(4), Bytes(16), Bytes(4), Bytes(16)};
    if (words.size() == 2 && words[0] == "list") {
        const auto frames = words[1] == "spoofed" ? Frames{nic}.spoofed() : Frames{nic}.legitimate();
        for (const Frame& frame : frames)
            std::printf("%s%s\n", frame.address_alone ? "address " : "", frame.name.c_str());
        return 0;
    }
    if (words.size() != 8 || words[0] != "send" ||
        std::sscanf(arguments[3], "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", &nic.mac[0], &nic.mac[1], &nic.mac[2], &nic.mac[3],
                    &nic.mac[4], &nic.mac[5]) != 6) {
        std::fputs("usage: spoof_frames send|list|receive ...; see the beginning of its source\n", stderr);
        return 2;
    }
    nic.ip = address(AF_INET, arguments[4]);
    nic.ip6 = six(arguments[5]);
    nic.other_ip = address(AF_INET, arguments[6]);
    nic.other_ip6 = six(arguments[7]);
    std::vector<Frame> frames;
    if (words[7] != "legitimate") frames = Frames{nic}.spoofed();
    if (words[7] != "spoofed")
        for (Frame& frame : Frames{nic}.legitimate()) frames.push_back(std::move(frame));
    frames.push_back(Frames{nic}.end());
    return send_all(arguments[2], frames);
}
