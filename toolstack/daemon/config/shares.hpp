// A domain's shares of the CPUs: as files have them, and as an administrator changes them while the domain is there.
#pragma once

#include <string>
#include <string_view>

#include "config/definition.hpp"
#include "config/diagnostics.hpp"
#include "config/map_reader.hpp"

namespace hvctld::config {

inline constexpr std::uint32_t kLeastWeight = 1;
inline constexpr std::uint32_t kMostWeight = 65535;
inline constexpr std::uint32_t kMostCpuShare = kMaxCpus * 100;  // percent of one CPU

// The keys cpus, cpus_soft, cpu_weight, cpu_cap and cpu_reservation, for a domain of so many vCPUs.
void read_shares(MapReader& reader, DomainDefinition& definition, std::uint32_t vcpus, Diagnostics& diagnostics);

// The keys weight, cap and reservation of a map; cap and reservation may be none. False, and nothing of `definition`
// changed, where something is wrong.
bool parse_share_change(std::string_view text, const std::string& source, DomainDefinition& definition,
                        Diagnostics& diagnostics);

// What is wrong with the three together; "" when nothing is. `cap` is what the cap is called there.
std::string problem_with_shares(const DomainDefinition& definition, std::string_view cap);

}  // namespace hvctld::config
