#include "devices/network/nic_claims.hpp"

#include <gtest/gtest.h>

#include <set>

namespace hvctld::test {
namespace {

config::NicDefinition nic(std::string_view mac, std::string_view address, const std::string& bridge = "br0") {
    config::NicDefinition made;
    made.bridge = bridge;
    made.mac = *config::parse_mac(mac);
    if (!address.empty()) made.addresses = {*config::parse_ip_prefix(address)};
    return made;
}

TEST(NicClaims, AnAddressIsOneGuests) {
    NicClaims claims;
    ASSERT_TRUE(claims.take("a", nic("00:16:3e:00:00:01", "192.0.2.10/24")));
    EXPECT_EQ(claims.take("b", nic("00:16:3e:00:00:01", "192.0.2.11/24")).error().id(), ErrorId::AddressTaken);
    const auto same = claims.take("b", nic("00:16:3e:00:00:02", "192.0.2.10/32"));
    EXPECT_EQ(same.error().id(), ErrorId::AddressTaken);
    EXPECT_NE(same.error().text().find("a's"), std::string::npos) << same.error().text();
    EXPECT_FALSE(claims.take("b", nic("00:16:3e:00:00:02", "192.0.2.0/24")));
    // Another interface of the same guest is another one all the same.
    EXPECT_FALSE(claims.take("a", nic("00:16:3e:00:00:02", "192.0.2.10/24")));
    // What is apart may be the same; a MAC address never.
    EXPECT_TRUE(claims.take("b", nic("00:16:3e:00:00:02", "192.0.2.10/24", "br1")));
    config::NicDefinition tagged = nic("00:16:3e:00:00:04", "192.0.2.10/24");
    tagged.vlan = 20;
    EXPECT_TRUE(claims.take("b", tagged));
    claims.release("b", *tagged.mac);
    EXPECT_FALSE(claims.take("c", nic("00:16:3e:00:00:02", "", "br2")));
    // A change of one's own.
    EXPECT_TRUE(claims.take("a", nic("00:16:3e:00:00:01", "192.0.2.12/24")));
    EXPECT_TRUE(claims.take("c", nic("00:16:3e:00:00:03", "192.0.2.10/24")));
    claims.release("c");
    claims.release("a", *config::parse_mac("00:16:3e:00:00:01"));
    EXPECT_TRUE(claims.take("d", nic("00:16:3e:00:00:01", "192.0.2.0/24")));
}

TEST(NicClaims, WhatTheHostGivesIsTheSameEachTime) {
    NicClaims claims;
    const auto own = *config::parse_ip_prefix("10.213.0.1/20");
    const config::MacAddress mac = claims.make_mac("host", "web1", 0);
    EXPECT_EQ(mac, claims.make_mac("host", "web1", 0));
    EXPECT_EQ(config::format_mac(mac).substr(0, 8), "00:16:3e");
    EXPECT_NE(mac, claims.make_mac("host", "web1", 1));
    EXPECT_NE(mac, claims.make_mac("another", "web1", 0));
    const auto address = claims.make_address(own, mac);
    ASSERT_TRUE(address);
    EXPECT_EQ(address->length, 20u);
    EXPECT_TRUE(own.network().covers(*address));
    EXPECT_EQ(address->text(), claims.make_address(own, mac)->text());
    // A guest that does not run has its own all the same.
    config::NicDefinition there;
    there.mac = mac;
    there.addresses = {*address};
    claims.each_defined = [&](const NicClaims::Visit& visit) { visit("old", there); };
    EXPECT_NE(claims.make_mac("host", "web1", 0), mac);
    EXPECT_NE(claims.make_address(own, mac)->text(), address->text());
}

TEST(NicClaims, ANetworkIsFilledToItsLastAddress) {
    NicClaims claims;
    const auto own = *config::parse_ip_prefix("192.0.2.1/29");
    std::set<std::string> given;
    for (std::size_t i = 0; i < 5; ++i) {
        config::NicDefinition guest;
        guest.mac = claims.make_mac("host", "web", i);
        const auto address = claims.make_address(own, *guest.mac);
        ASSERT_TRUE(address);
        guest.addresses = {*address};
        EXPECT_TRUE(given.insert(address->address()).second);
        ASSERT_TRUE(claims.take("web", guest));
    }
    EXPECT_FALSE(given.contains("192.0.2.0") || given.contains("192.0.2.1") || given.contains("192.0.2.7"));
    EXPECT_EQ(claims.make_address(own, claims.make_mac("host", "web", 5)).error().id(), ErrorId::LimitReached);
}

}  // namespace
}  // namespace hvctld::test
