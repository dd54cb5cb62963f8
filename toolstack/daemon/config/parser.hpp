// Domain files: text to a checked definition.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/definition.hpp"
#include "config/diagnostics.hpp"
#include "config/volume_pools.hpp"

namespace hvctld::config {

// What a definition takes when its file does not say. From the host's settings.
struct DomainDefaults {
    EndAction on_poweroff = EndAction::Destroy;
    EndAction on_reboot = EndAction::Restart;
    EndAction on_crash = EndAction::Restart;
    std::optional<EndAction> on_watchdog;  // none: what the definition says of a crash
    RestartLimit restart;
    std::uint32_t cpu_weight = 256;
    std::string nic_hook;  // of network interfaces that name none; not written into definitions. Empty or kNoHook: none
    std::vector<VolumePoolSettings> volumes{usual_volume_pool()};  // where the disks that are volumes are
};

// `source` names the text in messages. `overrides` are "key=value" with dotted keys ("disks.0.path=/x"); they replace
// what the file says before anything is checked. When `diagnostics` fails the definition is not to be used.
DomainDefinition parse_definition(std::string_view text, const std::string& source,
                                  std::span<const std::string> overrides, const DomainDefaults& defaults,
                                  Diagnostics& diagnostics);

// What is wrong with so much memory for a domain, whatever host has it; "" when nothing is.
std::string problem_with_memory(std::uint64_t bytes);

}  // namespace hvctld::config
