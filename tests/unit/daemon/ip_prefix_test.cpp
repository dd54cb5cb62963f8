#include "config/ip_prefix.hpp"

#include <gtest/gtest.h>

namespace hvctld::config {
namespace {

IpPrefix prefix(std::string_view text) {
    return parse_ip_prefix(text).value_or(IpPrefix{});
}

TEST(IpPrefix, HostsAndNetworks) {
    EXPECT_FALSE(prefix("192.0.2.10/24").is_network());
    EXPECT_TRUE(prefix("192.0.2.0/24").is_network());
    EXPECT_FALSE(prefix("192.0.2.10").is_network());
    EXPECT_FALSE(prefix("2001:db8::1/64").is_network());
    EXPECT_TRUE(prefix("2001:db8::/64").is_network());
    EXPECT_FALSE(prefix("2001:db8::").is_network());
    EXPECT_EQ(prefix("192.0.2.10/20").network().text(), "192.0.0.0/20");
    EXPECT_EQ(prefix("2001:db8:1:2:3::4/63").network().text(), "2001:db8:1:2::/63");
    EXPECT_EQ(prefix("2001:DB8:0:0::4").text(), "2001:db8::4/128");
    EXPECT_EQ(prefix("10.213.0.1/20").netmask(), "255.255.240.0");
}

TEST(IpPrefix, Conflicts) {
    EXPECT_TRUE(prefix("192.0.2.10/24").conflicts(prefix("192.0.2.10/16")));
    EXPECT_FALSE(prefix("192.0.2.10/24").conflicts(prefix("192.0.2.11/24")));
    EXPECT_TRUE(prefix("192.0.2.0/24").conflicts(prefix("192.0.2.11/24")));
    EXPECT_TRUE(prefix("192.0.2.11").conflicts(prefix("192.0.0.0/16")));
    EXPECT_FALSE(prefix("192.0.2.0/25").conflicts(prefix("192.0.2.128/25")));
    EXPECT_FALSE(prefix("::ffff:192.0.2.1").conflicts(prefix("192.0.2.1")));
    EXPECT_TRUE(prefix("192.0.2.0/24").covers(prefix("192.0.2.11/24")));
    EXPECT_FALSE(prefix("192.0.2.0/24").covers(prefix("192.0.0.0/16")));
}

TEST(IpPrefix, WhatIsNone) {
    for (const char* text : {"", "/", "192.0.2", "192.0.2.300", "192.0.2.1/33", "192.0.2.1/", "192.0.2.1/-1", "::1/129",
                             "192.0.2.1/24/24", " 192.0.2.1", "fe80::1%eth0", "0x7f.1", "1.2.3.4 "})
        EXPECT_FALSE(parse_ip_prefix(text)) << text;
}

}  // namespace
}  // namespace hvctld::config
