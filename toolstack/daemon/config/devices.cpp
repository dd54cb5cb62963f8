#include "config/devices.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "config/disk_target.hpp"
#include "config/yaml_advice.hpp"

namespace hvctld::config {
namespace {

constexpr std::size_t kLongestTarget = 16;

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
    return mac;
}

// "192.0.2.10/24", "2001:db8::10/64", or without a prefix length.
bool is_address(const std::string& text) {
    const std::size_t slash = text.find('/');
    const std::string host = text.substr(0, slash);
    std::array<unsigned char, 16> binary{};
    const bool six = inet_pton(AF_INET6, host.c_str(), binary.data()) == 1;
    if (!six && inet_pton(AF_INET, host.c_str(), binary.data()) != 1) return false;
    return slash == std::string::npos ||
           parse_number(std::string_view{text}.substr(slash + 1), 0, six ? 128 : 32).has_value();
}

Parsed<std::uint64_t> parse_rate(std::string_view text) {
    struct Unit {
        std::string_view name;
        std::uint64_t factor;
    };
    constexpr std::array kUnits{Unit{"Gbit/s", 1000000000}, Unit{"Mbit/s", 1000000}, Unit{"kbit/s", 1000}};
    for (const Unit& unit : kUnits) {
        if (!text.ends_with(unit.name)) continue;
        if (const auto number = parse_number(text.substr(0, text.size() - unit.name.size()), 1, 1000000000))
            return *number * unit.factor;
    }
    return std::unexpected(fmt::format("\"{}\" is not a rate; write for example 100Mbit/s", text));
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

DiskDefinition read_one_disk(MapReader& reader, const YamlNode* target, const std::vector<DiskDefinition>& others,
                             Diagnostics& diagnostics) {
    DiskDefinition disk;
    reader.text("target", disk.target, kLongestTarget);
    if (target != nullptr && target->kind == YamlNode::Kind::Scalar) check_target(*target, disk, others, diagnostics);
    reader.require("path");
    reader.path("path", disk.path);
    constexpr std::array<std::string_view, 1> kFormats{"raw"};
    reader.choice("format", kFormats);
    constexpr std::array<std::string_view, 2> kDevices{"disk", "cdrom"};
    disk.cdrom = reader.choice("device", kDevices) == 1;
    constexpr std::array<std::string_view, 2> kModes{"rw", "ro"};
    const int mode = reader.choice("mode", kModes);
    if (const YamlNode* node = reader.take("mode"); node != nullptr && mode == 0 && disk.cdrom)
        diagnostics.error(node->position, "mode: nobody writes to a cdrom; leave the key out or write ro");
    disk.read_only = mode == 1 || disk.cdrom;
    reader.boolean("shared", disk.shared);
    reader.finish();
    return disk;
}

void read_disk(const YamlNode& node, DomainDefinition& definition, Diagnostics& diagnostics) {
    if (!expect(node, YamlNode::Kind::Map, "a disk", diagnostics)) return;
    MapReader reader{node, "a disk", diagnostics};
    const YamlNode* target = reader.require("target");
    definition.disks.push_back(read_one_disk(reader, target, definition.disks, diagnostics));
}

void read_nic(const YamlNode& node, DomainDefinition& definition, Diagnostics& diagnostics) {
    if (!expect(node, YamlNode::Kind::Map, "a nic", diagnostics)) return;
    MapReader reader{node, "a nic", diagnostics};
    NicDefinition nic;
    reader.require("bridge");
    reader.text("bridge", nic.bridge, 15);
    if (const YamlNode* mac = reader.take("mac")) {
        if (const std::string* text = reader.scalar(*mac, "mac")) {
            if (const auto parsed = parse_mac(*text)) {
                nic.mac = *parsed;
            } else {
                diagnostics.error(mac->position, fmt::format("mac: {}", parsed.error()));
            }
        }
    }
    if (const YamlNode* list = reader.take("addresses");
        list != nullptr && expect(*list, YamlNode::Kind::Sequence, "addresses", diagnostics)) {
        for (const YamlNode& item : list->items) {
            const std::string* text = reader.scalar(item, "an address");
            if (text == nullptr) continue;
            if (!is_address(*text))
                diagnostics.error(item.position, fmt::format("\"{}\" is not an address such as 192.0.2.10/24", *text));
            nic.addresses.push_back(*text);
        }
    }
    if (const YamlNode* rate = reader.take("rate")) {
        if (const std::string* text = reader.scalar(*rate, "rate")) {
            if (const auto parsed = parse_rate(*text)) {
                nic.rate_bits = *parsed;
            } else {
                diagnostics.error(rate->position, fmt::format("rate: {}", parsed.error()));
            }
        }
    }
    reader.finish();
    definition.nics.push_back(std::move(nic));
}

using ReadOne = void (*)(const YamlNode&, DomainDefinition&, Diagnostics&);

void read_list(MapReader& reader, std::string_view key, ReadOne read, DomainDefinition& definition,
               Diagnostics& diagnostics) {
    const YamlNode* list = reader.take(key);
    if (list == nullptr || !expect(*list, YamlNode::Kind::Sequence, key, diagnostics)) return;
    if (list->items.size() > kMostDevices) {
        diagnostics.error(list->position,
                          fmt::format("{}: {} are more than the {} allowed", key, list->items.size(), kMostDevices));
        return;
    }
    for (const YamlNode& item : list->items) read(item, definition, diagnostics);
}

}  // namespace

void read_devices(MapReader& reader, DomainDefinition& definition, Diagnostics& diagnostics) {
    read_list(reader, "disks", read_disk, definition, diagnostics);
    read_list(reader, "nics", read_nic, definition, diagnostics);
}

std::optional<DiskDefinition> parse_disk(std::string_view text, const std::string& source,
                                         const std::vector<DiskDefinition>& others, Diagnostics& diagnostics) {
    YamlNode root;
    if (!parse_yaml(text, source, diagnostics, root) || !expect(root, YamlNode::Kind::Map, "a disk", diagnostics))
        return std::nullopt;
    MapReader reader{root, "a disk", diagnostics};
    DiskDefinition disk = read_one_disk(reader, reader.take("target"), others, diagnostics);
    if (diagnostics.failed()) return std::nullopt;
    return disk;
}

}  // namespace hvctld::config
