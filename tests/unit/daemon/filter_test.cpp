// The text of a NIC's filter. What it does in a kernel is in tests/e2e/test_filter.py.
#include "devices/network/filter.hpp"

#include <gtest/gtest.h>

#include <regex>

namespace hvctld {
namespace {

NicFilter nic(const std::vector<std::string>& addresses) {
    NicFilter filter{.interface = "vif3.0", .mac = {0x00, 0x16, 0x3e, 0x00, 0x00, 0x01}, .addresses = {}};
    for (const std::string& address : addresses) filter.addresses.push_back(*config::parse_ip_prefix(address));
    return filter;
}

bool has(const std::string& rules, std::string_view text) {
    return rules.find(text) != std::string::npos;
}

TEST(Filter, ReplacesWhatWasThereInOneScriptThatReadsOneTable) {
    const std::string rules = filter_rules(nic({"192.0.2.10/24"}));
    EXPECT_TRUE(
        rules.starts_with("add table netdev hvctl_vif3.0\ndelete table netdev hvctl_vif3.0\n"
                          "table netdev hvctl_vif3.0 {\n"));
    EXPECT_TRUE(rules.ends_with("}\nlist table netdev hvctl_vif3.0\n"));
    EXPECT_TRUE(has(rules, "type filter hook ingress device \"vif3.0\" priority -500; policy drop;"));
}

TEST(Filter, ComparesWithOneAddressAndLooksManyUp) {
    EXPECT_TRUE(has(filter_rules(nic({"192.0.2.10/24"})), "ip saddr 192.0.2.10 goto ip4_own"));
    EXPECT_TRUE(has(filter_rules(nic({"192.0.2.10/24", "198.51.100.0/28"})),
                    "ip saddr { 192.0.2.10, 198.51.100.0/28 } goto ip4_own"));
}

TEST(Filter, LetsNoMoreThroughThanTheRate) {
    NicFilter filter = nic({"192.0.2.10/24"});
    EXPECT_FALSE(has(filter_rules(filter), "limit rate"));
    filter.rate_bits = 8'000'000;
    EXPECT_TRUE(has(filter_rules(filter),
                    "limit rate over 1000000 bytes/second burst 262144 bytes counter name exceeded_rate drop"));
    filter.rate_bits = 80'000'000'000;
    EXPECT_TRUE(has(filter_rules(filter), "limit rate over 10000000000 bytes/second burst 1000000000 bytes"));
}

TEST(Filter, NoElementOfASetOverlapsAnother) {
    const std::string rules = filter_rules(nic({"192.0.2.9/24", "192.0.2.8/30", "192.0.2.10", "192.0.2.8/29"}));
    EXPECT_TRUE(has(rules, "ip saddr 192.0.2.8/29 goto ip4_own"));
    EXPECT_TRUE(has(filter_rules(nic({"192.0.2.9", "192.0.2.9/24"})), "ip saddr 192.0.2.9 goto ip4_own"));
}

TEST(Filter, TheLinkLocalAddressIsTheOneOfTheMac) {
    const std::string rules = filter_rules(nic({"2001:db8:1::10/64", "2001:db8:2::/64"}));
    EXPECT_TRUE(has(rules, "ip6 saddr { 2001:db8:1::10, 2001:db8:2::/64, fe80::216:3eff:fe00:1 } goto ip6_own"));
    EXPECT_TRUE(has(rules,
                    "nd-neighbor-advert @th,64,128 { 0x20010db8000100000000000000000010, "
                    "0x20010db8000200000000000000000000-0x20010db800020000ffffffffffffffff, "
                    "0xfe8000000000000002163efffe000001 } accept"));
}

TEST(Filter, NothingPassesOfAFamilyWithoutAnAddress) {
    const std::string four = filter_rules(nic({"192.0.2.10"}));
    EXPECT_TRUE(has(four, "ether type vmap { ip : goto ip4_frames, arp : goto arp_frames }"));
    EXPECT_FALSE(has(four, "ip6_"));
    const std::string six = filter_rules(nic({"2001:db8:1::10"}));
    EXPECT_TRUE(has(six, "ether type vmap { ip6 : goto ip6_frames }"));
    EXPECT_FALSE(has(six, "arp_frames"));
    EXPECT_FALSE(has(filter_rules(nic({})), "accept"));
}

TEST(Filter, AnyAddressIsNoAddressesButTheMacAndNoServers) {
    NicFilter filter = nic({});
    filter.any_address = true;
    const std::string rules = filter_rules(filter);
    for (const char* field : {"ip saddr", "ip6 saddr", "arp saddr ip", "@th"}) EXPECT_FALSE(has(rules, field)) << field;
    for (const char* rule : {"ether saddr 00:16:3e:00:00:01 ", "arp saddr ether 00:16:3e:00:00:01 ", "udp sport 67 ",
                             "udp dport 68 ", "udp sport 547 ", "udp dport 546 "})
        EXPECT_TRUE(has(rules, rule)) << rule;
    const std::string network = filter_rules(nic({"0.0.0.0/0"}));
    EXPECT_FALSE(has(network, "ip saddr"));
    EXPECT_FALSE(has(network, "ip6_"));
}

// nft 1.0.6 makes one comparison of both, which then drops nothing that differs in one of them.
TEST(Filter, NoRuleHasTwoComparisonsThatMustDiffer) {
    NicFilter any = nic({});
    any.any_address = true;
    for (const std::string& rules : {filter_rules(nic({"192.0.2.10", "2001:db8:1::10"})), filter_rules(any)})
        EXPECT_FALSE(std::regex_search(rules, std::regex{"!=[^\n]*!="}));
}

TEST(Filter, IsTakenAwayAlsoWhenThereIsNone) {
    const std::string script = filter_removal("vif3.0");
    EXPECT_TRUE(script.starts_with("add table netdev hvctl_vif3.0\ndelete table netdev hvctl_vif3.0\n"));
    EXPECT_TRUE(script.ends_with("list table netdev hvctl_vif3.0\n"));
}

}  // namespace
}  // namespace hvctld
