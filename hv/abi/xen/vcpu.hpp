// HypercallId::VcpuOp(command, vcpu, argument): a vCPU's life, timers and registered areas.
#pragma once

#include <cstddef>
#include <cstdint>

namespace hv::abi::xen {

enum class VcpuCommand : std::uint32_t {
    Initialise = 0,  // VcpuGuestContext
    Up = 1,
    Down = 2,
    IsUp = 3,                        // returns 1 or 0
    GetRunstateInfo = 4,             // VcpuRunstateInfo
    RegisterRunstateMemoryArea = 5,  // VcpuRegisterArea
    SetPeriodicTimer = 6,            // VcpuSetPeriodicTimer
    StopPeriodicTimer = 7,
    SetSingleshotTimer = 8,  // VcpuSetSingleshotTimer
    StopSingleshotTimer = 9,
    RegisterVcpuInfo = 10,  // VcpuRegisterVcpuInfo, once per vCPU
    SendNmi = 11,
    GetPhysid = 12,                   // VcpuGetPhysid
    RegisterVcpuTimeMemoryArea = 13,  // VcpuRegisterArea
};

enum class RunstateKind : std::uint32_t { Running = 0, Runnable = 1, Blocked = 2, Offline = 3 };

struct VcpuRunstateInfo {
    std::uint32_t state;             // +0   RunstateKind
    std::uint32_t pad;               // +4
    std::uint64_t state_entry_time;  // +8   system time; top bit kRunstateUpdate
    std::uint64_t time[4];           // +16  ns in each state
};
static_assert(sizeof(VcpuRunstateInfo) == 48);
// Set in state_entry_time while hv writes the structure, for guests with VmAssistType::RunstateUpdateFlag.
inline constexpr std::uint64_t kRunstateUpdate = 1ull << 63;

struct VcpuRegisterArea {
    std::uint64_t address;  // +0   guest-virtual
};
static_assert(sizeof(VcpuRegisterArea) == 8);

struct VcpuSetPeriodicTimer {
    std::uint64_t period_ns;  // +0
};
static_assert(sizeof(VcpuSetPeriodicTimer) == 8);

struct VcpuSetSingleshotTimer {
    std::uint64_t timeout_abs_ns;  // +0   system time
    std::uint32_t flags;           // +8   kSingleshotFuture
    std::uint32_t pad;             // +12
};
static_assert(sizeof(VcpuSetSingleshotTimer) == 16);
inline constexpr std::uint32_t kSingleshotFuture = 1u << 0;  // -ETIME when the time has passed

struct VcpuRegisterVcpuInfo {
    std::uint64_t mfn;       // +0
    std::uint32_t offset;    // +8   the structure must not cross the page
    std::uint32_t reserved;  // +12
};
static_assert(sizeof(VcpuRegisterVcpuInfo) == 16);

struct VcpuGetPhysid {
    std::uint64_t phys_id;  // +0   APIC id low, ACPI id high
};
static_assert(sizeof(VcpuGetPhysid) == 8);

}  // namespace hv::abi::xen
