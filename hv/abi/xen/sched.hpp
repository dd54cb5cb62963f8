// HypercallId::SchedOp(command, argument): giving up the CPU and stopping the domain.
#pragma once

#include <cstdint>

namespace hv::abi::xen {

enum class SchedCommand : std::uint32_t {
    Yield = 0,
    Block = 1,           // unmasks events and waits for one
    Shutdown = 2,        // SchedShutdown
    Poll = 3,            // SchedPoll: waits for ports without unmasking
    RemoteShutdown = 4,  // SchedRemoteShutdown
    ShutdownCode = 5,    // SchedShutdown: sets the reason and goes on
    Watchdog = 6,        // SchedWatchdog
    PinOverride = 7,     // SchedPinOverride
};

enum class ShutdownReason : std::uint32_t {
    Poweroff = 0,
    Reboot = 1,
    Suspend = 2,
    Crash = 3,
    Watchdog = 4,
    SoftReset = 5,
};
inline constexpr std::uint32_t kShutdownReasonMax = 5;

struct SchedShutdown {
    std::uint32_t reason;  // +0   ShutdownReason
};
static_assert(sizeof(SchedShutdown) == 4);

struct SchedPoll {
    std::uint64_t ports;     // +0   u32[]
    std::uint32_t nr_ports;  // +8   at most 128
    std::uint32_t pad;       // +12
    std::uint64_t timeout;   // +16  absolute system time in ns; 0 waits for ever
};
static_assert(sizeof(SchedPoll) == 24);
inline constexpr std::uint32_t kSchedPollMaxPorts = 128;

struct SchedRemoteShutdown {
    std::uint16_t domid;   // +0
    std::uint16_t pad;     // +2
    std::uint32_t reason;  // +4   ShutdownReason
};
static_assert(sizeof(SchedRemoteShutdown) == 8);

struct SchedWatchdog {
    std::uint32_t id;       // +0   0 asks for a new one
    std::uint32_t timeout;  // +4   seconds; 0 stops it
};
static_assert(sizeof(SchedWatchdog) == 8);

struct SchedPinOverride {
    std::int32_t pcpu;  // +0   negative ends it
};
static_assert(sizeof(SchedPinOverride) == 4);

}  // namespace hv::abi::xen
