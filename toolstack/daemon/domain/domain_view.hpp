// What clients are told of a domain; see ListDomains in the bus's contract.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "domain/domain.hpp"

namespace hvctld {

inline constexpr const char* kDom0Name = "Domain-0";
inline bool names_dom0(std::string_view text) {
    return text == kDom0Name || text == "0";
}

struct DomainView {
    std::string name;
    std::string uuid;
    std::optional<std::uint16_t> domid;
    std::string state;
    std::string type;
    std::uint64_t memory = 0;
    std::uint64_t max_memory = 0;
    std::uint32_t vcpus = 0;
    std::uint32_t max_vcpus = 0;
    std::uint64_t cpu_time = 0;
    std::uint32_t cpu_weight = 0;
    std::uint32_t cpu_cap = 0;          // percent of one CPU; 0: none
    std::uint32_t cpu_reservation = 0;  // percent of one CPU
    config::DiskLimits disk_limits;
    std::uint64_t uptime = 0;  // nanoseconds since it was started; 0: it does not run
    bool autostart = false;
    std::string shutdown_reason;
    std::string disk_full;  // where it has no room to grow, and how much is needed; empty: it does not wait for that
    std::uint64_t ended_us = 0;  // the run before; CLOCK_REALTIME, 0: there was none
    std::uint64_t hv_bytes = 0;
    std::uint64_t console_dropped = 0;
    JobId job = 0;
};

// `info`: what hv says of it; null when hv does not have it.
DomainView view_of(const Domain& domain, const abi::DomainInfo* info);
DomainView view_of_dom0(const abi::DomainInfo& info, const abi::SchedParameters& shares);

}  // namespace hvctld
