#include "devices/network/guest_routes.hpp"

#include <gtest/gtest.h>

namespace hvctld::test {
namespace {

std::vector<std::string> routes(std::initializer_list<const char*> addresses) {
    config::NetworkSettings network;
    network.addresses = {*config::parse_ip_prefix("10.213.0.1/20"), *config::parse_ip_prefix("10.99.0.1/24"),
                         *config::parse_ip_prefix("fd00:1::1/64")};
    config::NicDefinition nic;
    for (const char* address : addresses) nic.addresses.push_back(*config::parse_ip_prefix(address));
    std::vector<std::string> texts;
    for (const Route& route : guest_routes(network, nic))
        texts.push_back(route.to.text() + (route.via ? " via " + route.via->address() : ""));
    for (const config::IpPrefix& gateway : guest_gateways(network, nic)) texts.push_back("by " + gateway.address());
    return texts;
}

using Texts = std::vector<std::string>;

TEST(GuestRoutes, NoneToWhatIsInTheNetwork) {
    EXPECT_EQ(routes({"10.213.1.5/20", "fd00:1::5/64"}), (Texts{"by 10.213.0.1", "by fd00:1::1"}));
    EXPECT_EQ(routes({}), Texts{});
    EXPECT_EQ(routes({"fe80::5/64", "10.99.0.5/24"}), (Texts{"by 10.99.0.1", "by fd00:1::1"}));
}

TEST(GuestRoutes, HostsAreOnTheBridgeAndNetworksBehindThem) {
    EXPECT_EQ(routes({"203.0.113.5/24"}), (Texts{"203.0.113.5/32", "by 10.213.0.1"}));
    EXPECT_EQ(routes({"2001:db8:5:1::/64", "2001:db8:5::1"}),
              (Texts{"2001:db8:5::1/128", "2001:db8:5:1::/64 via 2001:db8:5::1", "by fd00:1::1"}));
    EXPECT_EQ(routes({"10.213.1.5/20", "198.51.100.0/28"}), (Texts{"198.51.100.0/28 via 10.213.1.5", "by 10.213.0.1"}));
    // The guest says itself where it is.
    EXPECT_EQ(routes({"198.51.100.0/28"}), Texts{"198.51.100.0/28"});
}

}  // namespace
}  // namespace hvctld::test
