// A throw-away network that a NIC's filter is tried on: an interface of the guest's name with that filter, and a
// bridge, in a network namespace of their own. What is sent there reaches no guest and no network.
#pragma once

#include <string>
#include <vector>

#include "devices/network/network_host.hpp"
#include "devices/network/probe_frames.hpp"

namespace hvctld {

struct Probed {
    std::vector<bool> passed;  // for each frame
    std::string table;         // the filter as the kernel shows it
};

// Sends the frames as the guest would, one after the other. Blocks for seconds at most; from any thread.
Result<Probed> probe_filter(const std::string& interface, const std::string& rules,
                            const std::vector<ProbeFrame>& frames);

}  // namespace hvctld
