#include "config/devices.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>

#include "config/disk_target.hpp"
#include "config/yaml_advice.hpp"

namespace hvctld::config {
namespace {

constexpr std::size_t kLongestTarget = 16;

// Why a guest cannot have it; empty when it can.
std::string problem_of_guest_address(const IpPrefix& address) {
    const auto starts = [&](std::string_view network) { return parse_ip_prefix(network)->conflicts(address); };
    if (address.length == 0) return "all addresses there are; the word any in place of the list allows all of them";
    if (address.six) {
        if (starts("ff00::/8")) return "a multicast address";
        if (starts("::/127")) return "a loopback or reserved address";
        if (starts("fe80::/10") && address.is_network()) return "the network of all link-local addresses";
        return {};
    }
    if (starts("224.0.0.0/4")) return "a multicast address";
    if (starts("127.0.0.0/8") || starts("0.0.0.0/8") || starts("240.0.0.0/4")) return "a loopback or reserved address";
    return {};
}

constexpr std::string_view kNoRate = "none";
constexpr std::uint32_t kLeastMtu = 68;    // of IPv4: RFC 791
constexpr std::uint32_t kMostMtu = 65517;  // of netback

Parsed<std::uint64_t> parse_rate(std::string_view text) {
    struct Unit {
        std::string_view name;
        std::uint64_t factor;
    };
    constexpr std::array kUnits{Unit{"Gbit/s", 1000000000}, Unit{"Mbit/s", 1000000}, Unit{"kbit/s", 1000}};
    constexpr std::uint64_t kMost = 17000000000;  // what Dom0's kernel can be told is 32 bits of bytes, with a sign
    if (text == kNoRate) return 0;
    for (const Unit& unit : kUnits) {
        if (!text.ends_with(unit.name)) continue;
        const auto number = parse_number(text.substr(0, text.size() - unit.name.size()), 1, kMost / unit.factor);
        if (number) return *number * unit.factor;
    }
    return std::unexpected(
        fmt::format("\"{}\" is not a rate; write for example 100Mbit/s, 17Gbit/s at most, or none", text));
}

// Complains of a target that is none, or that a disk before has.
void check_target(const YamlNode& node, const DiskDefinition& disk, const std::vector<DiskDefinition>& others,
                  Diagnostics& diagnostics) {
    const auto target = parse_disk_target(disk.target);
    if (!target) {
        diagnostics.error(node.position, fmt::format("target: \"{}\" is not a disk such as xvda", disk.target));
        return;
    }
    for (const DiskDefinition& other : others) {
        if (other.target == disk.target) {
            diagnostics.error(node.position, fmt::format("target: {} is used twice", disk.target));
        } else if (const auto taken = parse_disk_target(other.target); taken && taken->overlaps(*target)) {
            diagnostics.error(node.position, fmt::format("target: {} and {} are parts of one disk of the guest",
                                                         other.target, disk.target));
        }
    }
}

// Null: a disk as it is kept, which has both.
using Pools = const std::vector<VolumePoolSettings>*;

void read_volume(const YamlNode& node, const std::string& text, const std::vector<VolumePoolSettings>& pools,
                 DiskDefinition& disk, Diagnostics& diagnostics) {
    const auto volume = parse_volume_name(text);
    if (!volume) return diagnostics.error(node.position, fmt::format("volume: {}", volume.error()));
    disk.volume = volume->text();
    if (const VolumePoolSettings* pool = volume_pool_of(pools, volume->pool)) {
        disk.path = pool->path_of(volume->name);
    } else {
        diagnostics.error(
            node.position,
            fmt::format("volume: there is no pool \"{}\"; the key volumes of /etc/hvctl/hvctl.yaml has all",
                        volume->pool));
    }
}

// Where its content is: a path or a volume.
void read_source(MapReader& reader, Pools pools, DiskDefinition& disk, Diagnostics& diagnostics) {
    const YamlNode* const volume = reader.take("volume");
    if (pools == nullptr || volume == nullptr) {
        reader.require("path");
        reader.path("path", disk.path);
        if (volume != nullptr && volume->kind == YamlNode::Kind::Scalar) disk.volume = volume->scalar;
        return;
    }
    if (const YamlNode* path = reader.take("path"))
        diagnostics.error(path->position, "path: a volume has its path from its pool; leave one of the two out");
    if (const std::string* text = reader.scalar(*volume, "volume"))
        read_volume(*volume, *text, *pools, disk, diagnostics);
}

void read_key(MapReader& reader, DiskDefinition& disk, Diagnostics& diagnostics) {
    const YamlNode* const key = reader.take("key_file");
    reader.path("key_file", disk.key_file);
    const bool encrypted = disk.format == kEncrypted;
    if (encrypted && key == nullptr) {
        diagnostics.error(reader.position(), "key_file: a luks image needs the file that its key is in");
    } else if (!encrypted && key != nullptr) {
        diagnostics.error(key->position,
                          fmt::format("key_file: a {} image has no key; write format: luks", disk.format));
    }
}

DiskDefinition read_one_disk(MapReader& reader, const YamlNode* target, const std::vector<DiskDefinition>& others,
                             Pools pools, Diagnostics& diagnostics) {
    DiskDefinition disk;
    reader.text("target", disk.target, kLongestTarget);
    if (target != nullptr && target->kind == YamlNode::Kind::Scalar) check_target(*target, disk, others, diagnostics);
    read_source(reader, pools, disk, diagnostics);
    if (const int format = reader.choice("format", kImageFormats); format > 0) disk.format = kImageFormats.at(format);
    if (const YamlNode* node = reader.take("format"); !disk.volume.empty() && disk.format != kImageFormats.front())
        diagnostics.error(node->position, "format: what is in a volume is raw; 'hvctl volume-import' makes it so");
    read_key(reader, disk, diagnostics);
    constexpr std::array<std::string_view, 2> kDevices{"disk", "cdrom"};
    disk.cdrom = reader.choice("device", kDevices) == 1;
    constexpr std::array<std::string_view, 2> kModes{"rw", "ro"};
    const int mode = reader.choice("mode", kModes);
    if (const YamlNode* node = reader.take("mode"); node != nullptr && mode == 0 && disk.cdrom)
        diagnostics.error(node->position, "mode: a cdrom cannot be written to; leave the key out or write ro");
    disk.read_only = mode == 1 || disk.cdrom;
    reader.boolean("shared", disk.shared);
    if (const YamlNode* node = reader.take("shared"); disk.shared && !disk.read_only && disk.format != "raw") {
        diagnostics.error(
            node->position,
            fmt::format("shared: two that write to one {} image destroy it; use a raw one or mode: ro", disk.format));
    }
    constexpr std::array<std::string_view, 2> kOnFull{"pause", "error"};
    if (reader.choice("on_full", kOnFull) == 1) disk.on_full = OnFull::Error;
    reader.finish();
    return disk;
}

void read_disk(const YamlNode& node, DomainDefinition& definition, Pools pools, Diagnostics& diagnostics) {
    if (!expect(node, YamlNode::Kind::Map, "a disk", diagnostics)) return;
    MapReader reader{node, "a disk", diagnostics};
    const YamlNode* target = reader.require("target");
    definition.disks.push_back(read_one_disk(reader, target, definition.disks, pools, diagnostics));
}

// A scalar of the map through its parser; nothing where there is none, or a wrong one, which has been said.
template <class T>
std::optional<T> read_parsed(MapReader& reader, std::string_view key, Parsed<T> (*parse)(std::string_view),
                             Diagnostics& diagnostics) {
    const YamlNode* node = reader.take(key);
    const std::string* text = node != nullptr ? reader.scalar(*node, key) : nullptr;
    if (text == nullptr) return std::nullopt;
    auto parsed = parse(*text);
    if (parsed) return std::move(*parsed);
    diagnostics.error(node->position, fmt::format("{}: {}", key, parsed.error()));
    return std::nullopt;
}

constexpr std::array<std::string_view, 2> kOverQuota{"warn", "stop"};

void read_quota(MapReader& reader, NicDefinition& nic, Diagnostics& diagnostics) {
    constexpr std::string_view kNoQuota = "none";
    constexpr std::uint64_t kLeast = std::uint64_t{1} << 20;
    const YamlNode* quota = reader.take("transfer_quota");
    if (quota != nullptr && quota->kind == YamlNode::Kind::Scalar && quota->scalar == kNoQuota) {
        nic.quota_bytes = 0;
    } else if (quota != nullptr) {
        reader.size("transfer_quota", nic.quota_bytes);
        if (nic.quota_bytes < kLeast) {
            diagnostics.error(quota->position,
                              fmt::format("transfer_quota: at least {}, or none", format_size(kLeast)));
        }
    }
    const YamlNode* over = reader.take("over_quota");
    const std::string* text = over != nullptr ? reader.scalar(*over, "over_quota") : nullptr;
    if (text != nullptr) {
        const auto word = std::ranges::find(kOverQuota, *text);
        const auto rate = parse_rate(*text);
        if (word != kOverQuota.end()) {
            nic.over_quota = static_cast<OverQuota>(word - kOverQuota.begin());
        } else if (rate && *rate != 0) {
            nic.over_quota = OverQuota::Throttle;
        } else {
            diagnostics.error(over->position,
                              fmt::format("over_quota: \"{}\" is neither warn nor stop nor a rate such as "
                                          "1Mbit/s, which it is throttled to",
                                          *text));
        }
        nic.over_quota_bits = word == kOverQuota.end() && rate ? *rate : 0;
    }
    if (nic.quota_bytes != 0) return;
    if (over != nullptr) diagnostics.error(over->position, "over_quota: there is no quota; write transfer_quota, too");
    nic.over_quota = OverQuota::Warn;
    nic.over_quota_bits = 0;
}

void read_link_and_rate(MapReader& reader, NicDefinition& nic, Diagnostics& diagnostics) {
    read_quota(reader, nic, diagnostics);
    if (const auto rate = read_parsed(reader, "rate", parse_rate, diagnostics)) nic.rate_bits = *rate;
    constexpr std::array<std::string_view, 2> kLinks{"up", "down"};
    if (const int link = reader.choice("link", kLinks); link >= 0) nic.link = link == 0;
}

// Addresses of others than the guest.
void read_hosts(MapReader& reader, std::string_view key, std::vector<IpPrefix>& hosts, std::size_t most,
                Diagnostics& diagnostics) {
    const YamlNode* list = reader.take(key);
    if (list == nullptr || !expect(*list, YamlNode::Kind::Sequence, key, diagnostics)) return;
    if (list->items.size() > most) diagnostics.error(list->position, fmt::format("{}: {} at most", key, most));
    for (const YamlNode& item : list->items) {
        const std::string* text = reader.scalar(item, "an address");
        if (text == nullptr) continue;
        const auto parsed = parse_ip_prefix(*text);
        if (!parsed || parsed->length != parsed->bits()) {
            diagnostics.error(item.position,
                              fmt::format("{}: \"{}\" is not the address of a host, such as 192.0.2.1", key, *text));
        } else {
            hosts.push_back(*parsed);
        }
    }
}

void read_gateways(MapReader& reader, NicDefinition& nic, Diagnostics& diagnostics) {
    constexpr std::size_t kMostGateways = 2;
    constexpr std::size_t kMostNameservers = 3;  // of resolv.conf(5)
    const YamlNode* list = reader.take("gateways");
    if (list != nullptr) read_hosts(reader, "gateways", nic.gateways, kMostGateways, diagnostics);
    if (nic.gateways.size() == kMostGateways && nic.gateways[0].six == nic.gateways[1].six)
        diagnostics.error(list->position, "gateways: one of IPv4 and one of IPv6 at most");
    read_hosts(reader, "nameservers", nic.nameservers, kMostNameservers, diagnostics);
}

NicDefinition read_one_nic(MapReader& reader, Diagnostics& diagnostics) {
    NicDefinition nic;
    if (const YamlNode* bridge = reader.take("bridge")) {
        reader.text("bridge", nic.bridge, kLongestInterface);
        check_interface_name(*bridge, nic.bridge, diagnostics);
    }
    nic.mac = read_parsed(reader, "mac", parse_mac, diagnostics);
    read_addresses(reader, nic, diagnostics);
    read_gateways(reader, nic, diagnostics);
    if (reader.take("mtu") != nullptr) reader.number("mtu", nic.mtu, kLeastMtu, kMostMtu);
    constexpr std::uint32_t kMostVlan = 4094;
    if (reader.take("vlan") != nullptr) reader.number("vlan", nic.vlan, 1, kMostVlan);
    reader.boolean("offload", nic.offload);
    read_link_and_rate(reader, nic, diagnostics);
    read_hook(reader, "hook", nic.hook, diagnostics);
    reader.finish();
    return nic;
}

void read_nic(const YamlNode& node, DomainDefinition& definition, Diagnostics& diagnostics) {
    if (!expect(node, YamlNode::Kind::Map, "a nic", diagnostics)) return;
    MapReader reader{node, "a nic", diagnostics};
    NicDefinition nic = read_one_nic(reader, diagnostics);
    for (const NicDefinition& other : definition.nics) {
        if (nic.mac && other.mac == nic.mac)
            diagnostics.error(node.position, fmt::format("mac: {} is used twice", format_mac(*nic.mac)));
        for (const IpPrefix& address : nic.addresses) {
            const auto taken = [&](const IpPrefix& one) { return one.conflicts(address); };
            if (std::ranges::any_of(other.addresses, taken))
                diagnostics.error(node.position, fmt::format("addresses: {} is used twice", address.text()));
        }
    }
    definition.nics.push_back(std::move(nic));
}

template <class ReadOne>
void read_list(MapReader& reader, std::string_view key, ReadOne read, Diagnostics& diagnostics) {
    const YamlNode* list = reader.take(key);
    if (list == nullptr || !expect(*list, YamlNode::Kind::Sequence, key, diagnostics)) return;
    if (list->items.size() > kMostDevices) {
        diagnostics.error(list->position,
                          fmt::format("{}: {} are more than the {} allowed", key, list->items.size(), kMostDevices));
        return;
    }
    for (const YamlNode& item : list->items) read(item);
}

std::optional<DiskDefinition> parse_one_disk(std::string_view text, const std::string& source, Pools pools,
                                             Diagnostics& diagnostics) {
    YamlNode root;
    if (!parse_yaml(text, source, diagnostics, root) || !expect(root, YamlNode::Kind::Map, "a disk", diagnostics))
        return std::nullopt;
    MapReader reader{root, "a disk", diagnostics};
    DiskDefinition disk = read_one_disk(reader, reader.take("target"), {}, pools, diagnostics);
    if (diagnostics.failed()) return std::nullopt;
    return disk;
}

}  // namespace

Parsed<MacAddress> parse_mac(std::string_view text) {
    MacAddress mac{};
    const auto wrong = [&] {
        return std::unexpected(fmt::format("\"{}\" is not a MAC address such as 00:16:3e:00:00:01", text));
    };
    if (text.size() != 17) return wrong();
    for (std::size_t i = 0; i < mac.size(); ++i) {
        const char* first = text.data() + i * 3;
        const auto [end, problem] = std::from_chars(first, first + 2, mac[i], 16);
        if (problem != std::errc{} || end != first + 2 || (i < 5 && first[2] != ':')) return wrong();
    }
    if ((mac[0] & 1) != 0) return std::unexpected(fmt::format("{} is a multicast address", text));
    if (mac == MacAddress{}) return std::unexpected(fmt::format("{} is no address of an interface", text));
    constexpr MacAddress kNetback{0xfe, 0xff, 0xff, 0xff, 0xff, 0xff};
    if (mac == kNetback) return std::unexpected(fmt::format("{} is the address of Dom0's end", text));
    return mac;
}

std::string format_over_quota(const NicDefinition& nic) {
    if (nic.over_quota == OverQuota::Throttle) return format_rate(nic.over_quota_bits);
    return std::string{kOverQuota.at(static_cast<std::size_t>(nic.over_quota))};
}

void check_interface_name(const YamlNode& node, const std::string& name, Diagnostics& diagnostics) {
    const auto odd = [](char c) {
        return !std::isalnum(static_cast<unsigned char>(c)) && c != '.' && c != '-' && c != '_';
    };
    if (name.empty() || name == "." || name == ".." || std::ranges::any_of(name, odd))
        diagnostics.error(node.position, fmt::format("\"{}\" is not the name of a network interface", name));
}

void read_addresses(MapReader& reader, NicDefinition& nic, Diagnostics& diagnostics) {
    const YamlNode* list = reader.take("addresses");
    if (list == nullptr) return;
    if (list->kind == YamlNode::Kind::Scalar && list->scalar == kAnyAddress) {
        nic.any_address = true;
        return;
    }
    if (!expect(*list, YamlNode::Kind::Sequence, "addresses", diagnostics)) return;
    if (list->items.size() > kMostAddresses) {
        diagnostics.error(list->position, fmt::format("addresses: {} are more than the {} allowed; a network is one",
                                                      list->items.size(), kMostAddresses));
        return;
    }
    for (const YamlNode& item : list->items) {
        const std::string* text = reader.scalar(item, "an address");
        if (text == nullptr) continue;
        const auto parsed = parse_ip_prefix(*text);
        if (!parsed) {
            diagnostics.error(item.position, parsed.error());
        } else if (const std::string wrong = problem_of_guest_address(*parsed); !wrong.empty()) {
            diagnostics.error(item.position, fmt::format("{}: {}", *text, wrong));
        } else {
            nic.addresses.push_back(*parsed);
        }
    }
}

void read_hook(MapReader& reader, std::string_view key, std::string& hook, Diagnostics& diagnostics) {
    constexpr std::size_t kLongestHook = 255;  // an entry of the store has room for it beside what it is told
    const YamlNode* node = reader.take(key);
    if (node == nullptr) return;
    if (node->kind == YamlNode::Kind::Scalar && node->scalar == kNoHook) {
        hook = kNoHook;
        return;
    }
    reader.path(key, hook);
    if (hook.size() > kLongestHook)
        diagnostics.error(node->position, fmt::format("{}: a path of at most {} bytes is needed", key, kLongestHook));
}

std::optional<NicDefinition> parse_nic(std::string_view text, const std::string& source, Diagnostics& diagnostics) {
    YamlNode root;
    if (!parse_yaml(text, source, diagnostics, root) || !expect(root, YamlNode::Kind::Map, "a nic", diagnostics))
        return std::nullopt;
    MapReader reader{root, "a nic", diagnostics};
    NicDefinition nic = read_one_nic(reader, diagnostics);
    if (diagnostics.failed()) return std::nullopt;
    return nic;
}

bool parse_nic_change(std::string_view text, const std::string& source, NicDefinition& nic, Diagnostics& diagnostics) {
    YamlNode root;
    if (!parse_yaml(text, source, diagnostics, root) || !expect(root, YamlNode::Kind::Map, "a change", diagnostics))
        return false;
    NicDefinition changed = nic;
    MapReader reader{root, "a change of a nic", diagnostics};
    if (const YamlNode* list = reader.take("addresses")) {
        changed.any_address = false;
        changed.addresses.clear();
        read_addresses(reader, changed, diagnostics);
        if (!changed.any_address && list->kind == YamlNode::Kind::Sequence && list->items.empty())
            diagnostics.error(list->position, "addresses: at least one is needed; 'link: down' keeps a guest silent");
    }
    read_link_and_rate(reader, changed, diagnostics);
    reader.finish();
    if (diagnostics.failed()) return false;
    nic = std::move(changed);
    return true;
}

void read_devices(MapReader& reader, DomainDefinition& definition, const std::vector<VolumePoolSettings>& pools,
                  Diagnostics& diagnostics) {
    const auto disk = [&](const YamlNode& node) { read_disk(node, definition, &pools, diagnostics); };
    const auto nic = [&](const YamlNode& node) { read_nic(node, definition, diagnostics); };
    read_list(reader, "disks", disk, diagnostics);
    read_list(reader, "nics", nic, diagnostics);
}

std::optional<DiskDefinition> parse_disk(std::string_view text, const std::string& source,
                                         const std::vector<VolumePoolSettings>& pools, Diagnostics& diagnostics) {
    return parse_one_disk(text, source, &pools, diagnostics);
}

std::optional<DiskDefinition> parse_kept_disk(std::string_view text, const std::string& source,
                                              Diagnostics& diagnostics) {
    return parse_one_disk(text, source, nullptr, diagnostics);
}

}  // namespace hvctld::config
