#include "devices/network/nic_claims.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

namespace hvctld {
namespace {

void add_to_host(config::IpPrefix& address, std::uint64_t number) {
    for (std::size_t byte = address.bits() / 8; byte-- > 0 && number != 0; number >>= 8)
        address.bytes[byte] |= static_cast<std::uint8_t>(number);
}

}  // namespace

Result<void> NicClaims::take(const std::string& domain, const config::NicDefinition& nic) {
    const config::MacAddress mac = nic.mac.value_or(config::MacAddress{});
    for (const auto& [holder, other] : claims_) {
        if (other.mac == mac && holder == domain) continue;
        if (other.mac == mac) {
            return fail(ErrorId::AddressTaken, fmt::format("{}: MAC address {} is {}'s; give one of them another",
                                                           domain, config::format_mac(mac), holder));
        }
        // What is apart in different bridges or VLANs may have the same addresses.
        if (other.bridge != nic.bridge || other.vlan != nic.vlan) continue;
        for (const config::IpPrefix& address : nic.addresses) {
            const auto taken = std::ranges::find_if(
                other.addresses, [&](const config::IpPrefix& one) { return one.conflicts(address); });
            if (taken == other.addresses.end()) continue;
            return fail(ErrorId::AddressTaken,
                        fmt::format("{}: {} is {}'s, which has {}; 'hvctl network-list' shows who has what", domain,
                                    address.text(), holder, taken->text()));
        }
    }
    release(domain, mac);
    claims_.push_back({domain, nic});
    return {};
}

void NicClaims::release(const std::string& domain, const config::MacAddress& mac) {
    std::erase_if(claims_, [&](const Claim& claim) { return claim.domain == domain && claim.nic.mac == mac; });
}

void NicClaims::release(const std::string& domain) {
    std::erase_if(claims_, [&](const Claim& claim) { return claim.domain == domain; });
}

void NicClaims::rename(const std::string& before, const std::string& now) {
    for (Claim& claim : claims_) {
        if (claim.domain == before) claim.domain = now;
    }
}

bool NicClaims::anybody(const std::function<bool(const config::NicDefinition&)>& has) const {
    bool found = std::ranges::any_of(claims_, [&](const Claim& claim) { return has(claim.nic); });
    each_defined([&](const std::string&, const config::NicDefinition& nic) { found = found || has(nic); });
    return found;
}

config::MacAddress NicClaims::make_mac(const std::string& seed, const std::string& domain, std::size_t index) const {
    for (std::uint32_t salt = 0;; ++salt) {
        const std::uint64_t hash = config::stable_hash(fmt::format("{} {} {} {}", seed, domain, index, salt));
        const auto byte = [hash](unsigned shift) { return static_cast<std::uint8_t>(hash >> shift); };
        // Xen's own range.
        const config::MacAddress mac{0x00, 0x16, 0x3e, byte(16), byte(8), byte(0)};
        if (!anybody([&](const config::NicDefinition& nic) { return nic.mac == mac; })) return mac;
    }
}

Result<config::IpPrefix> NicClaims::make_address(const config::IpPrefix& own, const config::MacAddress& mac) const {
    constexpr std::uint32_t kMostHostBits = 32;
    const std::uint32_t host_bits = std::min(own.bits() - own.length, kMostHostBits);
    const std::uint64_t hosts = std::uint64_t{1} << host_bits;
    const std::uint64_t first = config::stable_hash(config::format_mac(mac)) % hosts;
    constexpr std::uint64_t kMostTries = 1 << 16;
    for (std::uint64_t i = 0; i < std::min(hosts, kMostTries); ++i) {
        const std::uint64_t number = (first + i) % hosts;
        if (number == 0 || number == hosts - 1) continue;  // the network, and all of its hosts
        config::IpPrefix address = own.network();
        add_to_host(address, number);
        address.length = own.bits();
        if (address.bytes == own.bytes) continue;
        const auto taken = [&](const config::NicDefinition& nic) {
            return std::ranges::any_of(nic.addresses,
                                       [&](const config::IpPrefix& one) { return one.conflicts(address); });
        };
        if (anybody(taken)) continue;
        address.length = own.length;
        return address;
    }
    return fail(ErrorId::LimitReached,
                fmt::format("no address is free in {}; see 'networks' in hvctl.yaml(5)", own.network().text()));
}

}  // namespace hvctld
