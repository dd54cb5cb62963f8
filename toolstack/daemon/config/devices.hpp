// Disks and network interfaces of a domain file.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/definition.hpp"
#include "config/map_reader.hpp"
#include "config/volume_pools.hpp"

namespace hvctld::config {

inline constexpr std::size_t kMostDevices = 128;  // of a kind, of a domain
inline constexpr std::string_view kAnyAddress = "any";
inline constexpr std::size_t kMostAddresses = 64;  // of a network interface
inline constexpr std::size_t kLongestInterface = 15;

// `pools` are those that the disks' volumes are in.
void read_devices(MapReader& reader, DomainDefinition& definition, const std::vector<VolumePoolSettings>& pools,
                  Diagnostics& diagnostics);

// One disk, as a list of disks has it. Its target may be left out, and is empty then.
std::optional<DiskDefinition> parse_disk(std::string_view text, const std::string& source,
                                         const std::vector<VolumePoolSettings>& pools, Diagnostics& diagnostics);
// One that disk_text() has written, whatever pools there are by now.
std::optional<DiskDefinition> parse_kept_disk(std::string_view text, const std::string& source,
                                              Diagnostics& diagnostics);
// One network interface, as a list of them has it.
std::optional<NicDefinition> parse_nic(std::string_view text, const std::string& source, Diagnostics& diagnostics);
// What may change while the guest runs, of `nic`: the keys addresses, rate, link, transfer_quota and
// over_quota of a map. False, and nothing of it
// changed, where something is wrong.
bool parse_nic_change(std::string_view text, const std::string& source, NicDefinition& nic, Diagnostics& diagnostics);
// "warn", "stop", or a rate
std::string format_over_quota(const NicDefinition& nic);
// A sequence of addresses, or the word any.
void read_addresses(MapReader& reader, NicDefinition& nic, Diagnostics& diagnostics);
// The program that is run for a network interface: an absolute path, or the word none.
void read_hook(MapReader& reader, std::string_view key, std::string& hook, Diagnostics& diagnostics);
// What a network interface of Dom0 may be called.
void check_interface_name(const YamlNode& node, const std::string& name, Diagnostics& diagnostics);

}  // namespace hvctld::config
