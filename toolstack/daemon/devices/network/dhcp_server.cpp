#include "devices/network/dhcp_server.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <csignal>

#include "base/files.hpp"
#include "base/log.hpp"
#include "hvctl/try.hpp"

namespace hvctld {
namespace {

constexpr std::size_t kLongestFile = 64 * 1024;

// As a host may be called: RFC 1123.
std::string host_name(const std::string& domain) {
    constexpr std::size_t kLongest = 63;
    std::string name;
    for (const char c : domain.substr(0, domain.find('.')))
        name += std::isalnum(static_cast<unsigned char>(c)) ? static_cast<char>(std::tolower(c)) : '-';
    name.resize(std::min(name.size(), kLongest));
    while (name.ends_with('-')) name.pop_back();
    while (name.starts_with('-')) name.erase(0, 1);
    // dnsmasq takes these for something else: times of a lease, and what is not to be answered.
    const bool is_time = name.find_first_not_of("0123456789") == std::string::npos ||
                         name.find_first_not_of("0123456789") == name.size() - 1;
    return is_time || name == "ignore" || name == "infinite" ? std::string{} : name;
}

// Readable by dnsmasq, which runs as a user of its own.
Result<void> make_readable_folder(const std::string& path) {
    constexpr mode_t kMode = 0755;
    if (mkdir(path.c_str(), kMode) != 0 && errno != EEXIST) return fail_errno(errno, path);
    if (chmod(path.c_str(), kMode) != 0) return fail_errno(errno, path);
    return {};
}

// At once, in the eyes of dnsmasq, which looks when it is closed.
Result<void> write_readable(const std::string& path, const std::string& text) {
    constexpr mode_t kMode = 0644;
    const UniqueFd file{::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, kMode)};
    if (!file || fchmod(file.get(), kMode) != 0) return fail_errno(errno, path);
    const ssize_t written = ::write(file.get(), text.data(), text.size());
    if (written != static_cast<ssize_t>(text.size())) return fail_errno(written < 0 ? errno : ENOSPC, path);
    return {};
}

// What dnsmasq calls the guests whose interfaces have an MTU of their own.
std::string mtu_tag(std::uint32_t mtu) {
    return fmt::format("mtu{}", mtu);
}

}  // namespace

std::string dnsmasq_configuration(const config::NetworkSettings& network, const std::string& folder) {
    std::string text = fmt::format(
        "# Made by hvctld, which writes it anew.\n"
        "interface={0}\nexcept-interface=lo\nbind-dynamic\nno-hosts\ndomain-needed\nbogus-priv\n"
        "pid-file=\ndhcp-leasefile={1}/leases\ndhcp-hostsdir={1}/hosts\ndhcp-optsdir={1}/options\n"
        "dhcp-ignore=tag:!known\ndhcp-authoritative\nno-ping\nquiet-dhcp\nquiet-dhcp6\nquiet-ra\n",
        network.bridge, folder);
    if (network.mtu != config::kUsualMtu) text += fmt::format("dhcp-option=option:mtu,{}\n", network.mtu);
    bool six = false;
    for (const config::IpPrefix& address : network.addresses) {
        six = six || address.six;
        if (address.six) {
            text += fmt::format("dhcp-range={},static,{},12h\n", address.network().address(), address.length);
        } else {
            text += fmt::format("dhcp-range={},static,{},12h\n", address.network().address(), address.netmask());
        }
    }
    if (six) text += "enable-ra\n";
    return text;
}

std::string dnsmasq_mtu(std::uint32_t mtu) {
    return fmt::format("tag:{},option:mtu,{}\n", mtu_tag(mtu), mtu);
}

std::string dnsmasq_host(const config::NetworkSettings& network, const GuestNic& guest) {
    std::string line = config::format_mac(guest.nic.mac.value_or(config::MacAddress{}));
    bool has_four = false;
    bool has_six = false;
    for (const config::IpPrefix& address : guest.nic.addresses) {
        const bool served = std::ranges::any_of(
            network.addresses, [&](const config::IpPrefix& own) { return own.network().covers(address); });
        bool& has = address.six ? has_six : has_four;
        if (!served || has || address.is_network()) continue;
        has = true;
        line += address.six ? fmt::format(",[{}]", address.address()) : "," + address.address();
    }
    if (!has_four && !has_six) return {};
    if (guest.nic.mtu != 0) line += ",set:" + mtu_tag(guest.nic.mtu);
    if (const std::string name = host_name(guest.domain); !name.empty()) line += "," + name;
    return line + "\n";
}

Helper DhcpServer::helper_of(const config::NetworkSettings& network) const {
    return Helper{{"hvctl-dnsmasq", folder_}, network.bridge};
}

std::string DhcpServer::host_file(const config::NetworkSettings& network, const GuestNic& nic) const {
    return fmt::format("{}/hosts/{}", helper_of(network).folder(), config::format_mac(*nic.nic.mac));
}

Result<void> DhcpServer::serve(const config::NetworkSettings& network) {
    const std::lock_guard lock{mutex_};
    const Helper helper = helper_of(network);
    const std::string& folder = helper.folder();
    for (const std::string& path : {folder_, folder, folder + "/hosts", folder + "/options"})
        TRY(make_readable_folder(path));
    const std::string path = folder + "/dnsmasq.conf";
    const std::string wanted = dnsmasq_configuration(network, folder);
    const auto present = read_text_file(path, kLongestFile);
    const bool changed = !present || *present != wanted;
    if (changed) TRY(write_readable(path, wanted));
    return changed ? helper.restart() : helper.start();
}

Result<void> DhcpServer::tell(const config::NetworkSettings& network, const GuestNic& nic) {
    const std::lock_guard lock{mutex_};
    const std::string path = host_file(network, nic);
    const std::string line = dnsmasq_host(network, nic);
    told_[path] = nic.interface;
    // Few are different; they stay.
    if (nic.nic.mtu != 0) {
        const std::string option = fmt::format("{}/options/{}", helper_of(network).folder(), mtu_tag(nic.nic.mtu));
        if (!read_text_file(option, kLongestFile)) TRY(write_readable(option, dnsmasq_mtu(nic.nic.mtu)));
    }
    const auto present = read_text_file(path, kLongestFile);
    if (line == present.value_or("")) return {};
    // It notices files that come; what it was told before it forgets only when it is asked to.
    if (line.empty()) {
        (void)unlink(path.c_str());
    } else {
        TRY(write_readable(path, line));
    }
    return present ? helper_of(network).signal(SIGHUP) : Result<void>{};
}

void DhcpServer::forget(const config::NetworkSettings& network, const GuestNic& nic) {
    const std::lock_guard lock{mutex_};
    const std::string path = host_file(network, nic);
    const auto told = told_.find(path);
    if (told != told_.end() && told->second != nic.interface) return;
    if (told != told_.end()) told_.erase(told);
    if (unlink(path.c_str()) != 0) return;
    if (const auto heard = helper_of(network).signal(SIGHUP); !heard)
        log::warning("{}: {}", network.bridge, heard.error().text());
}

}  // namespace hvctld
