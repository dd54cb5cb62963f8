#include "devices/network/dhcp_server.hpp"

#include <gtest/gtest.h>

namespace hvctld::test {
namespace {

config::NetworkSettings network() {
    config::NetworkSettings made;
    made.addresses = {*config::parse_ip_prefix("10.213.0.1/20"), *config::parse_ip_prefix("fd00:1::1/64")};
    return made;
}

GuestNic guest(const std::string& name, std::initializer_list<const char*> addresses) {
    GuestNic made{"vif3.0", name, {}};
    made.nic.mac = *config::parse_mac("00:16:3e:00:00:01");
    for (const char* address : addresses) made.nic.addresses.push_back(*config::parse_ip_prefix(address));
    return made;
}

TEST(DhcpServer, AnswersItsOwnGuestsAlone) {
    const std::string text = dnsmasq_configuration(network(), "/run/n/hvbr0");
    for (const char* line : {"interface=hvbr0\n", "bind-dynamic\n", "dhcp-ignore=tag:!known\n",
                             "dhcp-range=10.213.0.0,static,255.255.240.0,12h\n", "dhcp-range=fd00:1::,static,64,12h\n",
                             "dhcp-hostsdir=/run/n/hvbr0/hosts\n", "enable-ra\n"})
        EXPECT_NE(text.find(line), std::string::npos) << line << text;
}

TEST(DhcpServer, AGuestIsToldItsFirstAddressOfEachFamily) {
    EXPECT_EQ(dnsmasq_host(network(), guest("web1", {"10.213.1.5/20", "10.213.1.6/20", "fd00:1::5/64"})),
              "00:16:3e:00:00:01,10.213.1.5,[fd00:1::5],web1\n");
    // Not of networks that are routed to it, nor of others than this one.
    EXPECT_EQ(dnsmasq_host(network(), guest("web1", {"fd00:2::/64", "192.0.2.1/24"})), "");
    EXPECT_EQ(dnsmasq_host(network(), guest("Web_1.example", {"10.213.1.5/20"})),
              "00:16:3e:00:00:01,10.213.1.5,web-1\n");
    EXPECT_EQ(dnsmasq_host(network(), guest("+", {"10.213.1.5/20"})), "00:16:3e:00:00:01,10.213.1.5\n");
}

TEST(DhcpServer, AGuestIsToldAnMtuOfItsOwn) {
    GuestNic small = guest("web1", {"10.213.1.5/20"});
    small.nic.mtu = 1400;
    EXPECT_EQ(dnsmasq_host(network(), small), "00:16:3e:00:00:01,10.213.1.5,set:mtu1400,web1\n");
    EXPECT_EQ(dnsmasq_mtu(1400), "tag:mtu1400,option:mtu,1400\n");
    EXPECT_NE(dnsmasq_configuration(network(), "/run/n/hvbr0").find("dhcp-optsdir=/run/n/hvbr0/options\n"),
              std::string::npos);
}

}  // namespace
}  // namespace hvctld::test
