// A definition as JSON with every key that counts: the form that the registry keeps and that is read again.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <nlohmann/json.hpp>

#include "config/definition.hpp"
#include "config/devices.hpp"
#include "config/disk_limits.hpp"

namespace hvctld::config {
namespace {

using Json = nlohmann::ordered_json;

Json cpu_lists(const std::vector<CpuList>& lists) {
    if (lists.size() == 1) return format_cpu_list(lists.front());
    Json result = Json::array();
    for (const CpuList& list : lists) result.push_back(format_cpu_list(list));
    return result;
}

Json disk(const DiskDefinition& disk) {
    Json result{{"target", disk.target}};
    if (disk.volume.empty()) {
        result["path"] = disk.path;
    } else {
        result["volume"] = disk.volume;
    }
    result["format"] = disk.format;
    if (!disk.key_file.empty()) result["key_file"] = disk.key_file;
    result["mode"] = disk.read_only ? "ro" : "rw";
    if (disk.cdrom) result["device"] = "cdrom";
    if (disk.shared) result["shared"] = true;
    if (disk.on_full == OnFull::Error) result["on_full"] = "error";
    return result;
}

Json disk_limits(const DiskLimits& limits) {
    Json result = Json::object();
    if (limits.requests != 0) result["iops"] = limits.requests;
    if (limits.bytes != 0) result["bandwidth"] = format_bandwidth(limits.bytes);
    if (limits.burst_seconds != 0) result["burst"] = format_seconds(limits.burst_seconds);
    return result;
}

Json nic(const NicDefinition& nic) {
    Json result{{"bridge", nic.bridge}};
    if (nic.mac) result["mac"] = format_mac(*nic.mac);
    if (nic.any_address) result["addresses"] = kAnyAddress;
    for (const IpPrefix& address : nic.addresses) result["addresses"].push_back(address.text());
    for (const IpPrefix& host : nic.gateways) result["gateways"].push_back(host.address());
    for (const IpPrefix& host : nic.nameservers) result["nameservers"].push_back(host.address());
    if (nic.rate_bits != 0) result["rate"] = format_rate(nic.rate_bits);
    if (nic.mtu != 0) result["mtu"] = nic.mtu;
    if (nic.vlan != 0) result["vlan"] = nic.vlan;
    if (!nic.offload) result["offload"] = false;
    if (!nic.link) result["link"] = "down";
    if (nic.quota_bytes != 0) {
        result["transfer_quota"] = format_size(nic.quota_bytes);
        result["over_quota"] = format_over_quota(nic);
    }
    if (!nic.hook.empty()) result["hook"] = nic.hook;
    return result;
}

Json cloud_init(const CloudInit& wanted) {
    Json result = Json::object();
    if (!wanted.hostname.empty()) result["hostname"] = wanted.hostname;
    if (!wanted.ssh_authorized_keys.empty()) result["ssh_authorized_keys"] = wanted.ssh_authorized_keys;
    if (!wanted.user_data.empty()) result["user_data"] = wanted.user_data;
    if (!wanted.network) result["network"] = false;
    return result;
}

void add_limits(Json& json, const DomainDefinition& definition) {
    const auto add = [&](const char* key, std::uint32_t value) {
        if (value != 0) json[key] = value;
    };
    add("max_event_channels", definition.max_event_channels);
    add("max_grant_frames", definition.max_grant_frames);
    add("max_maptrack_frames", definition.max_maptrack_frames);
    add("max_grant_version", definition.max_grant_version);
    if (definition.pv_linear_page_tables) json["pv_linear_page_tables"] = true;
    for (const auto& [name, limit] : definition.xenstore_quota) json["xenstore_quota"][name] = limit;
}

}  // namespace

std::string_view to_string(DomainType type) {
    switch (type) {
        case DomainType::Pv: return "pv";
        case DomainType::Pvh: return "pvh";
        case DomainType::Hvm: return "hvm";
    }
    return "pv";
}

std::string_view to_string(EndAction action) {
    switch (action) {
        case EndAction::Destroy: return "destroy";
        case EndAction::Restart: return "restart";
        case EndAction::Preserve: return "preserve";
        case EndAction::CoredumpDestroy: return "coredump-destroy";
        case EndAction::CoredumpRestart: return "coredump-restart";
        case EndAction::RenameRestart: return "rename-restart";
    }
    return "destroy";
}

std::string format_mac(const MacAddress& mac) {
    return fmt::format("{:02x}", fmt::join(mac, ":"));
}

std::string format_rate(std::uint64_t bits) {
    if (bits % 1000000000 == 0) return fmt::format("{}Gbit/s", bits / 1000000000);
    if (bits % 1000000 == 0) return fmt::format("{}Mbit/s", bits / 1000000);
    return fmt::format("{}kbit/s", bits / 1000);
}

std::string nic_text(const NicDefinition& definition) {
    return nic(definition).dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string disk_text(const DiskDefinition& definition) {
    Json all = disk(definition);
    all["path"] = definition.path;
    return all.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string normalised(const DomainDefinition& definition) {
    Json json{{"name", definition.name}};
    if (!definition.uuid.empty()) json["uuid"] = definition.uuid;
    json["type"] = to_string(definition.type);
    json["memory"] = format_size(definition.memory);
    json["max_memory"] = format_size(definition.max_memory);
    json["vcpus"] = definition.vcpus;
    json["max_vcpus"] = definition.max_vcpus;
    if (!definition.cpus.empty()) json["cpus"] = cpu_lists(definition.cpus);
    if (!definition.cpus_soft.empty()) json["cpus_soft"] = cpu_lists(definition.cpus_soft);
    json["cpu_weight"] = definition.cpu_weight;
    if (definition.pool != kFirstPool) json["pool"] = definition.pool;
    if (definition.cpu_cap != 0) json["cpu_cap"] = fmt::format("{}%", definition.cpu_cap);
    if (definition.cpu_reservation != 0) json["cpu_reservation"] = fmt::format("{}%", definition.cpu_reservation);
    if (definition.boot_from_disk) json["boot"] = "disk";
    if (!definition.kernel.empty()) json["kernel"] = definition.kernel;
    if (!definition.initrd.empty()) json["initrd"] = definition.initrd;
    if (!definition.boot_from_disk) json["cmdline"] = definition.cmdline;
    for (const DiskDefinition& entry : definition.disks) json["disks"].push_back(disk(entry));
    if (definition.disk_limits.any()) json["disk_limits"] = disk_limits(definition.disk_limits);
    for (const NicDefinition& entry : definition.nics) json["nics"].push_back(nic(entry));
    if (definition.cloud_init) json["cloud_init"] = cloud_init(*definition.cloud_init);
    json["on_poweroff"] = to_string(definition.on_poweroff);
    json["on_reboot"] = to_string(definition.on_reboot);
    json["on_crash"] = to_string(definition.on_crash);
    json["on_watchdog"] = to_string(definition.on_watchdog);
    json["restart"] = {{"max", definition.restart.max}, {"window", format_seconds(definition.restart.window_seconds)}};
    json["autostart"] = definition.autostart;
    add_limits(json, definition);
    // What is not UTF-8 is replaced: the bus carries only UTF-8, and paths may be anything.
    return json.dump(2, ' ', false, Json::error_handler_t::replace);
}

}  // namespace hvctld::config
