// Frames that tell whether a NIC's filter does its work: what the guest may send, and what a guest would send that
// pretends to be another one. They are made here, not sent.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "config/definition.hpp"
#include "config/ip_prefix.hpp"

namespace hvctld {

struct ProbeFrame {
    std::string what;  // "IPv4 from 192.0.2.11, which is not its own"
    std::vector<std::uint8_t> bytes;
    bool allowed = false;
};

// `nic` has its MAC address. `hosts` are addresses of Dom0's on its bridge, which no guest may take.
std::vector<ProbeFrame> probe_frames(const config::NicDefinition& nic, const std::vector<config::IpPrefix>& hosts);

}  // namespace hvctld
