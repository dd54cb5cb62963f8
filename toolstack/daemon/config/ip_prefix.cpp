#include "config/ip_prefix.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>

namespace hvctld::config {
namespace {

constexpr std::uint32_t kBitsOfByte = 8;

bool same_start(const IpPrefix& a, const IpPrefix& b, std::uint32_t length) {
    if (a.six != b.six) return false;
    const std::uint32_t whole = length / kBitsOfByte;
    if (!std::equal(a.bytes.begin(), a.bytes.begin() + whole, b.bytes.begin())) return false;
    const std::uint32_t rest = length % kBitsOfByte;
    if (rest == 0) return true;
    const auto mask = static_cast<std::uint8_t>(0xff << (kBitsOfByte - rest));
    return ((a.bytes[whole] ^ b.bytes[whole]) & mask) == 0;
}

}  // namespace

bool IpPrefix::is_network() const {
    return length < bits() && network().bytes == bytes;
}

IpPrefix IpPrefix::network() const {
    IpPrefix result = *this;
    for (std::uint32_t bit = length; bit < bits(); ++bit)
        result.bytes[bit / kBitsOfByte] &= static_cast<std::uint8_t>(~(0x80u >> (bit % kBitsOfByte)));
    return result;
}

bool IpPrefix::covers(const IpPrefix& other) const {
    return same_start(*this, other, length) && (!other.is_network() || other.length >= length);
}

bool IpPrefix::conflicts(const IpPrefix& other) const {
    const std::uint32_t mine = is_network() ? length : bits();
    const std::uint32_t others = other.is_network() ? other.length : bits();
    return same_start(*this, other, std::min(mine, others));
}

std::string IpPrefix::netmask() const {
    IpPrefix mask;
    mask.bytes.fill(0xff);
    mask.length = length;
    return mask.network().address();
}

std::string IpPrefix::address() const {
    std::array<char, INET6_ADDRSTRLEN> buffer{};
    inet_ntop(six ? AF_INET6 : AF_INET, bytes.data(), buffer.data(), buffer.size());
    return buffer.data();
}

std::string IpPrefix::text() const {
    return fmt::format("{}/{}", address(), length);
}

Parsed<IpPrefix> parse_ip_prefix(std::string_view text) {
    const std::size_t slash = text.find('/');
    const std::string host{text.substr(0, slash)};
    IpPrefix prefix;
    prefix.six = inet_pton(AF_INET6, host.c_str(), prefix.bytes.data()) == 1;
    if (!prefix.six && inet_pton(AF_INET, host.c_str(), prefix.bytes.data()) != 1)
        return std::unexpected(fmt::format("\"{}\" is not an address such as 192.0.2.10/24", text));
    prefix.length = prefix.bits();
    if (slash == std::string_view::npos) return prefix;
    const auto length = parse_number(text.substr(slash + 1), 0, prefix.bits());
    if (!length) return std::unexpected(fmt::format("\"{}\" is not an address such as 192.0.2.10/24", text));
    prefix.length = static_cast<std::uint32_t>(*length);
    return prefix;
}

}  // namespace hvctld::config
