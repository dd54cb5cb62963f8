#include "devices/cloud_init/seed_files.hpp"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <iterator>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/files.hpp"
#include "devices/network/guest_routes.hpp"
#include "hvctl/try.hpp"

namespace hvctld {
namespace {

using Json = nlohmann::ordered_json;

std::string text_of(const Json& json) {
    return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

// What the guest is told of the world beyond one of its interfaces.
struct Beyond {
    std::vector<config::IpPrefix> gateways;  // one of each kind, at most
    std::vector<std::string> nameservers;
};

Beyond beyond(const config::NicDefinition& nic, const std::vector<config::NetworkSettings>& networks) {
    Beyond result;
    const auto* const own = config::network_of(networks, nic.bridge);
    if (own != nullptr) result.gateways = guest_gateways(*own, nic);
    if (own != nullptr && own->dhcp) {
        for (const config::IpPrefix& host : result.gateways) result.nameservers.push_back(host.address());
    }
    if (!nic.gateways.empty()) result.gateways = nic.gateways;
    if (!nic.nameservers.empty()) {
        result.nameservers.clear();
        for (const config::IpPrefix& host : nic.nameservers) result.nameservers.push_back(host.address());
    }
    return result;
}

std::vector<config::IpPrefix> hosts_of(const config::NicDefinition& nic) {
    std::vector<config::IpPrefix> hosts;
    std::ranges::copy_if(nic.addresses, std::back_inserter(hosts),
                         [](const config::IpPrefix& one) { return !one.is_network(); });
    return hosts;
}

bool has_four(const std::vector<config::IpPrefix>& hosts) {
    return std::ranges::any_of(hosts, [](const config::IpPrefix& one) { return !one.six; });
}

std::string mac_of(const config::NicDefinition& nic) {
    return config::format_mac(nic.mac.value_or(config::MacAddress{}));
}

// A gateway that is in none of the networks that the guest is in, as that of an address which is routed to it.
bool is_apart(const config::IpPrefix& gateway, const std::vector<config::IpPrefix>& hosts) {
    return std::ranges::none_of(hosts, [&](const config::IpPrefix& one) { return one.network().covers(gateway); });
}

// As netplan has it, version 2.
Json ethernet(const config::NicDefinition& nic, const Beyond& world) {
    Json result{{"match", {{"macaddress", mac_of(nic)}}}};
    const auto hosts = hosts_of(nic);
    for (const config::IpPrefix& address : hosts) result["addresses"].push_back(address.text());
    result["dhcp4"] = !has_four(hosts);
    if (nic.mtu != 0) result["mtu"] = nic.mtu;
    // In the order in which it has always been: another text makes cloud-init begin anew.
    const auto tell_nameservers = [&] {
        if (!world.nameservers.empty()) result["nameservers"]["addresses"] = world.nameservers;
    };
    for (const config::IpPrefix& host : world.gateways) {
        result[host.six ? "gateway6" : "gateway4"] = host.address();
        tell_nameservers();
    }
    tell_nameservers();
    return result;
}

// cloud-init's own, version 1: from this one it makes what each kind of guest needs to reach a gateway that is apart.
Json physical(const config::NicDefinition& nic, const Beyond& world, std::size_t index) {
    const auto hosts = hosts_of(nic);
    Json subnets = Json::array();
    if (!has_four(hosts)) subnets.push_back({{"type", "dhcp4"}});
    std::vector<config::IpPrefix> gateways = world.gateways;
    for (const config::IpPrefix& address : hosts) {
        Json subnet{{"type", address.six ? "static6" : "static"}, {"address", address.text()}};
        const auto gateway = std::ranges::find(gateways, address.six, &config::IpPrefix::six);
        if (gateway != gateways.end()) {
            subnet["gateway"] = gateway->address();
            gateways.erase(gateway);
        }
        subnets.push_back(std::move(subnet));
    }
    if (!world.nameservers.empty()) subnets.front()["dns_nameservers"] = world.nameservers;
    Json result{{"type", "physical"}, {"name", fmt::format("eth{}", index)}, {"mac_address", mac_of(nic)}};
    if (nic.mtu != 0) result["mtu"] = nic.mtu;
    result["subnets"] = std::move(subnets);
    return result;
}

Json network_config(const config::DomainDefinition& definition, const std::vector<config::NetworkSettings>& networks) {
    Json ethernets = Json::object();
    Json all = Json::array();
    bool apart = false;
    std::size_t index = 0;
    for (const config::NicDefinition& nic : definition.nics) {
        const Beyond world = beyond(nic, networks);
        const auto hosts = hosts_of(nic);
        apart = apart ||
                std::ranges::any_of(world.gateways, [&](const config::IpPrefix& one) { return is_apart(one, hosts); });
        all.push_back(physical(nic, world, index));
        ethernets[fmt::format("nic{}", index++)] = ethernet(nic, world);
    }
    if (apart) return {{"version", 1}, {"config", all}};
    return {{"version", 2}, {"ethernets", ethernets}};
}

// Root logs in with the keys, as the customer of a server expects it.
std::string usual_user_data() {
    return "#cloud-config\n" + text_of({{"disable_root", false}, {"preserve_hostname", false}});
}

struct ArchiveFree {
    void operator()(archive* object) const { archive_write_free(object); }
};
struct EntryFree {
    void operator()(archive_entry* object) const { archive_entry_free(object); }
};

std::unexpected<Error> archive_failed(archive* object, const std::string& path) {
    const char* why = archive_error_string(object);
    return fail(ErrorId::Io, fmt::format("{}: {}", path, why != nullptr ? why : "no reason given"));
}

}  // namespace

std::vector<SeedFile> seed_files(const config::DomainDefinition& definition,
                                 const std::vector<config::NetworkSettings>& networks, const std::string& user_data) {
    const config::CloudInit& wanted = *definition.cloud_init;
    const std::string hostname = wanted.hostname.empty() ? definition.name : wanted.hostname;
    const std::string network =
        text_of(wanted.network ? network_config(definition, networks) : Json{{"config", "disabled"}});
    const std::string user = user_data.empty() ? usual_user_data() : user_data;
    Json meta{{"local-hostname", hostname}};
    if (!wanted.ssh_authorized_keys.empty()) meta["public-keys"] = wanted.ssh_authorized_keys;
    meta["instance-id"] =
        fmt::format("hv-{:016x}", config::stable_hash(definition.uuid + text_of(meta) + network + user));
    return {{"meta-data", text_of(meta)}, {"network-config", network}, {"user-data", user}};
}

namespace {

Result<void> fill_seed(int file, const std::string& path, const std::vector<SeedFile>& files) {
    constexpr mode_t kReadable = 0444;
    const std::unique_ptr<archive, ArchiveFree> image{archive_write_new()};
    if (!image) return fail(ErrorId::Internal, "libarchive has no memory");
    if (archive_write_set_format_iso9660(image.get()) != ARCHIVE_OK ||
        archive_write_set_options(image.get(), "volume-id=cidata,rockridge=useful,joliet") != ARCHIVE_OK ||
        archive_write_open_fd(image.get(), file) != ARCHIVE_OK) {
        return archive_failed(image.get(), path);
    }
    for (const auto& [name, text] : files) {
        const std::unique_ptr<archive_entry, EntryFree> entry{archive_entry_new()};
        if (!entry) return fail(ErrorId::Internal, "libarchive has no memory");
        archive_entry_set_pathname(entry.get(), name.c_str());
        archive_entry_set_size(entry.get(), static_cast<la_int64_t>(text.size()));
        archive_entry_set_filetype(entry.get(), AE_IFREG);
        archive_entry_set_perm(entry.get(), kReadable);
        if (archive_write_header(image.get(), entry.get()) != ARCHIVE_OK ||
            archive_write_data(image.get(), text.data(), text.size()) != static_cast<la_ssize_t>(text.size())) {
            return archive_failed(image.get(), path);
        }
    }
    if (archive_write_close(image.get()) != ARCHIVE_OK) return archive_failed(image.get(), path);
    if (fdatasync(file) != 0) return fail_errno(errno, path);
    return {};
}

}  // namespace

// A start that was called off may still be at it: each writes a file of its own.
Result<void> write_seed(const std::string& path, const std::vector<SeedFile>& files) {
    std::string fresh = path + ".XXXXXX";
    const UniqueFd file{mkostemp(fresh.data(), O_CLOEXEC)};
    if (!file) return fail_errno(errno, path);
    auto written = fill_seed(file.get(), path, files);
    if (written && rename(fresh.c_str(), path.c_str()) != 0) written = fail_errno(errno, path);
    if (!written) (void)unlink(fresh.c_str());
    return written;
}

std::string seed_path(const std::string& folder, const std::string& uuid) {
    return fmt::format("{}/{}.iso", folder, uuid);
}

void sweep_seeds(const std::string& folder, const std::set<std::string>& uuids) {
    std::set<std::string> kept;
    for (const std::string& uuid : uuids) kept.insert(seed_path(folder, uuid));
    std::error_code problem;
    std::vector<std::string> left;
    for (std::filesystem::directory_iterator at{folder, problem}, end; !problem && at != end; at.increment(problem))
        if (!kept.contains(at->path().string())) left.push_back(at->path().string());
    for (const std::string& path : left) (void)unlink(path.c_str());
}

}  // namespace hvctld
