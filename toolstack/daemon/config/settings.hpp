// The host's settings, /etc/hvctl/hvctl.yaml. Every key has a default; a host without the file is a valid host.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/log.hpp"
#include "config/definition.hpp"
#include "config/diagnostics.hpp"
#include "config/parser.hpp"
#include "hvctl/types.hpp"

namespace hvctld::config {

struct ConsoleSettings {
    std::uint64_t log_size = 1ull << 20;   // bytes of one log file; one rotated file is kept beside it
    std::uint64_t log_rate = 1ull << 20;   // bytes a second that a guest may log for long
    std::uint64_t log_burst = 4ull << 20;  // bytes that it may log at once
};

// A bridge that hvctld makes and owns, with addresses of Dom0 on it; guests get theirs from the same networks.
struct NetworkSettings {
    std::string bridge{kHostBridge};
    std::vector<IpPrefix> addresses;
    bool dhcp = true;         // guests are told their addresses
    bool masquerade = false;  // what guests send elsewhere goes out under an address of Dom0
    std::uint32_t mtu = kUsualMtu;
};
// What a host has whose settings say nothing of networks. `host` tells it from others (machine-id(5)): its IPv6
// addresses are its own (RFC 4193); none without.
NetworkSettings usual_network(std::string_view host);

// The one of that bridge; null when there is none.
const NetworkSettings* network_of(const std::vector<NetworkSettings>& networks, std::string_view bridge);

// Something of the CPUs for Dom0 whatever guests were promised: the host can be managed.
inline DomainDefinition usual_dom0() {
    DomainDefinition dom0;
    dom0.name = "Domain-0";
    dom0.max_vcpus = hvctl::kMostVcpus;  // hv knows how many there are
    dom0.cpu_reservation = 10;
    return dom0;
}

struct Settings {
    log::Level log_level = log::Level::Info;
    ConsoleSettings console;
    DomainDefaults defaults;
    std::uint32_t create_deadline_seconds = 300;
    std::uint32_t shutdown_timeout_seconds = 120;                       // that guests have when the host goes down
    std::vector<std::pair<std::string, std::uint32_t>> xenstore_quota;  // of every domain without its own
    std::uint32_t vcpus_per_cpu = 0;                                    // most, of all guests; 0: any number
    std::optional<std::vector<NetworkSettings>> networks;               // nothing: the usual one
    DomainDefinition dom0 = usual_dom0();                               // its shares of the CPUs, and nothing else
};

Settings parse_settings(std::string_view text, const std::string& source, Diagnostics& diagnostics);

}  // namespace hvctld::config
