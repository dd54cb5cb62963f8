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
#include <memory>
#include <nlohmann/json.hpp>

#include "base/files.hpp"
#include "hvctl/try.hpp"

namespace hvctld {
namespace {

using Json = nlohmann::ordered_json;

std::string text_of(const Json& json) {
    return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

Json ethernet(const config::NicDefinition& nic, const std::vector<config::NetworkSettings>& networks) {
    Json result{{"match", {{"macaddress", config::format_mac(nic.mac.value_or(config::MacAddress{}))}}}};
    bool has_four = false;
    for (const config::IpPrefix& address : nic.addresses) {
        if (address.is_network()) continue;
        has_four = has_four || !address.six;
        result["addresses"].push_back(address.text());
    }
    result["dhcp4"] = !has_four;
    if (nic.mtu != 0) result["mtu"] = nic.mtu;
    const auto* const own = config::network_of(networks, nic.bridge);
    if (own == nullptr || nic.addresses.empty()) return result;
    for (const config::IpPrefix& host : own->addresses) {
        const bool same_kind = std::ranges::any_of(nic.addresses, [&](const config::IpPrefix& one) {
            return host.network().covers(one) && !one.is_network();
        });
        if (!same_kind) continue;
        result[host.six ? "gateway6" : "gateway4"] = host.address();
        if (own->dhcp) result["nameservers"]["addresses"].push_back(host.address());
    }
    return result;
}

Json network_config(const config::DomainDefinition& definition, const std::vector<config::NetworkSettings>& networks) {
    Json ethernets = Json::object();
    std::size_t index = 0;
    for (const config::NicDefinition& nic : definition.nics)
        ethernets[fmt::format("nic{}", index++)] = ethernet(nic, networks);
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
