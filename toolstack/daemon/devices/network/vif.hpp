// A network interface of a guest as the store has it (Xen's public/io/netif.h): what xen-netback in Dom0's kernel and
// the guest's driver are told of it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "config/definition.hpp"
#include "devices/xenbus.hpp"

namespace hvctld {

inline constexpr std::string_view kVif = "vif";

// Where a network interface of a guest is: only what is there is the guest's after a kill of the daemon.
enum class NicState : std::uint8_t { Coming, There, Going };

// Dom0's name of it: vif3.0.
std::string vif_name(std::uint16_t domid, std::uint32_t number);

BusDevices::Entry vif_entry(const std::string& domain, const config::NicDefinition& nic, std::uint32_t number);
// All that is known of it, for the daemon after this one.
BusDevices::Node vif_record(const config::NicDefinition& nic, NicState state);
// What a guest may send, in netback's words: "BYTES,MICROSECONDS"; without a limit an empty one.
BusDevices::Node vif_rate(const config::NicDefinition& nic);
// Netback waits for it: the interface is where it belongs.
BusDevices::Node vif_ready();

struct VifRecord {
    NicState state = NicState::Coming;
    config::NicDefinition nic;
};
std::optional<VifRecord> read_vif_record(const BusDevices& vifs, std::uint32_t number);

}  // namespace hvctld
