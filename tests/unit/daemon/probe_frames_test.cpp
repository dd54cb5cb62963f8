// The frames that try a NIC's filter. What a kernel does with them is in tests/e2e/test_networks.py.
#include "devices/network/probe_frames.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace hvctld {
namespace {

std::vector<ProbeFrame> frames(const std::vector<std::string>& addresses, const std::vector<std::string>& hosts = {},
                               bool any = false) {
    config::NicDefinition nic;
    nic.mac = config::MacAddress{0x00, 0x16, 0x3e, 0, 0, 1};
    nic.any_address = any;
    for (const std::string& address : addresses) nic.addresses.push_back(*config::parse_ip_prefix(address));
    std::vector<config::IpPrefix> own;
    for (const std::string& address : hosts) own.push_back(*config::parse_ip_prefix(address));
    return probe_frames(nic, own);
}

const ProbeFrame* find(const std::vector<ProbeFrame>& all, const std::string& what) {
    const auto found =
        std::ranges::find_if(all, [&](const ProbeFrame& one) { return one.what.find(what) != std::string::npos; });
    return found != all.end() ? &*found : nullptr;
}

TEST(ProbeFrames, OwnAddressesAreAllowedAndNeighboursAndTheHostAreNot) {
    const auto all = frames({"192.0.2.10/24", "2001:db8:1::/64"}, {"192.0.2.1/24"});
    for (const char* own : {"ARP for its own 192.0.2.10", "IPv4 from its own 192.0.2.10",
                            "IPv6 from its own 2001:db8:1::1", "advertisements for its own 2001:db8:1::1"}) {
        ASSERT_NE(find(all, own), nullptr) << own;
        EXPECT_TRUE(find(all, own)->allowed) << own;
    }
    for (const char* spoofed :
         {"ARP for 192.0.2.8", "IPv4 from 192.0.2.8", "ARP for 192.0.2.1,", "IPv4 from 192.0.2.1,",
          "IPv6 from 2001:db8:ffff::77", "DHCP server", "DHCPv6 server", "IPv6 router advertisements", "VLAN tag",
          "another MAC address", "neither ARP nor IP"}) {
        ASSERT_NE(find(all, spoofed), nullptr) << spoofed;
        EXPECT_FALSE(find(all, spoofed)->allowed) << spoofed;
    }
    // No address in its own network counts as another's.
    EXPECT_EQ(find(all, "IPv6 from 2001:db8:1::3, which"), nullptr);
}

TEST(ProbeFrames, AnyAddressMayBeSentFromButNothingElse) {
    const auto all = frames({}, {"192.0.2.1/24"}, true);
    EXPECT_TRUE(find(all, "IPv4 from 192.0.2.1")->allowed);
    EXPECT_TRUE(find(all, "IPv6 from 2001:db8:ffff::77")->allowed);
    EXPECT_FALSE(find(all, "DHCP server")->allowed);
    EXPECT_FALSE(find(all, "another MAC address")->allowed);
}

TEST(ProbeFrames, NothingIsAllowedOfAFamilyWithoutAnAddress) {
    for (const ProbeFrame& frame : frames({"192.0.2.10"})) {
        if (frame.what.starts_with("IPv6")) {
            EXPECT_FALSE(frame.allowed) << frame.what;
        }
    }
    for (const ProbeFrame& frame : frames({})) EXPECT_FALSE(frame.allowed) << frame.what;
}

TEST(ProbeFrames, AreWholeFrames) {
    for (const ProbeFrame& frame : frames({"192.0.2.10/24", "2001:db8:1::10/64"})) {
        EXPECT_GE(frame.bytes.size(), 60u) << frame.what;
        if (frame.bytes.at(12) != 0x08 || frame.bytes.at(13) != 0x00) continue;
        unsigned sum = 0;
        for (std::size_t i = 14; i < 34; i += 2) sum += unsigned{frame.bytes[i]} << 8 | frame.bytes[i + 1];
        EXPECT_EQ((sum & 0xffff) + (sum >> 16), 0xffffu) << frame.what;
    }
}

}  // namespace
}  // namespace hvctld
