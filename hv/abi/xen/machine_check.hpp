// HypercallId::Arch0 (MachineCheckOp*): what Dom0 learns of machine checks. The commands that hv does not have
// (fetching into the guest, injection) share the header and are longer than these.
#pragma once

#include <cstddef>
#include <cstdint>

namespace hv::abi::xen {

inline constexpr std::uint32_t kMachineCheckInterfaceVersion = 0x01ec'c003;

enum class MachineCheckCommand : std::uint32_t {
    Fetch = 1,
    NotifyDomain = 2,
    PhysicalCpuInfo = 3,
    InjectMsr = 4,
    InjectMachineCheck = 5
};

// MachineCheckFetch::flags when it returns.
inline constexpr std::uint32_t kMachineCheckNoData = 2;

struct MachineCheckFetch {
    std::uint32_t flags;  // +0   in: which errors; out: how it went
    std::uint32_t pad;    // +4
    std::uint64_t id;     // +8   what to acknowledge
    std::uint64_t data;   // +16  address of the record to fill
};
static_assert(sizeof(MachineCheckFetch) == 24);

struct MachineCheckCpus {
    std::uint32_t count;  // +0  in: room at `info`; out: entries written, or CPUs when `info` is 0
    std::uint32_t pad;    // +4
    std::uint64_t info;   // +8  address of MachineCheckCpu[count]
};
static_assert(sizeof(MachineCheckCpus) == 16);

struct MachineCheckOp {
    std::uint32_t command;            // +0  MachineCheckCommand
    std::uint32_t interface_version;  // +4
    union {
        MachineCheckFetch fetch;
        MachineCheckCpus cpus;
    } u;  // +8
};
static_assert(sizeof(MachineCheckOp) == 32 && offsetof(MachineCheckOp, u) == 8);

struct MachineCheckMsr {
    std::uint64_t number;  // +0
    std::uint64_t value;   // +8
};

struct MachineCheckCpu {
    std::uint32_t cpu;              // +0
    std::uint32_t socket;           // +4
    std::uint16_t core;             // +8
    std::uint16_t thread;           // +10
    std::uint32_t apic_id;          // +12
    std::uint32_t cluster;          // +16
    std::uint32_t cores;            // +20
    std::uint32_t active_cores;     // +24
    std::uint32_t threads;          // +28
    std::int32_t cpuid_level;       // +32
    std::uint32_t family;           // +36
    std::uint32_t vendor;           // +40
    std::uint32_t model;            // +44
    std::uint32_t stepping;         // +48
    char vendor_text[16];           // +52
    char brand[64];                 // +68
    std::uint32_t capabilities[7];  // +132
    std::uint32_t cache_size;       // +160
    std::uint32_t cache_alignment;  // +164
    std::int32_t msr_count;         // +168
    std::uint32_t pad;              // +172
    MachineCheckMsr msrs[8];        // +176
};
static_assert(sizeof(MachineCheckCpu) == 304 && offsetof(MachineCheckCpu, capabilities) == 132 &&
              offsetof(MachineCheckCpu, msrs) == 176);

}  // namespace hv::abi::xen
