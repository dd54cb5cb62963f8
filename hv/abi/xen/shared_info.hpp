// The page that hypervisor and guest share, and the per-vCPU structures in it.
#pragma once

#include <cstddef>
#include <cstdint>

namespace hv::abi::xen {

inline constexpr unsigned kLegacyMaxVcpus = 32;  // vCPUs with a VcpuInfo in the shared page; others register one

// pvclock. A reader takes `version` before and after; an odd or changed one means: read again.
//   time = system_time + ((tsc - tsc_timestamp) shifted by tsc_shift) * tsc_to_system_mul / 2^32
struct VcpuTimeInfo {
    std::uint32_t version;            // +0
    std::uint32_t pad0;               // +4
    std::uint64_t tsc_timestamp;      // +8
    std::uint64_t system_time;        // +16  nanoseconds since boot at tsc_timestamp
    std::uint32_t tsc_to_system_mul;  // +24
    std::int8_t tsc_shift;            // +28
    std::uint8_t flags;               // +29  kPvclock*
    std::uint8_t pad1[2];             // +30
};
static_assert(sizeof(VcpuTimeInfo) == 32);
inline constexpr std::uint8_t kPvclockTscStable = 1u << 0;     // the value is monotonic across vCPUs
inline constexpr std::uint8_t kPvclockGuestStopped = 1u << 1;  // the guest was paused since it last looked

struct ArchVcpuInfo {
    std::uint64_t cr2;  // +0   address of the last page fault that was given to the guest
    std::uint64_t pad;  // +8
};
static_assert(sizeof(ArchVcpuInfo) == 16);

struct VcpuInfo {
    std::uint8_t evtchn_upcall_pending;  // +0   events wait
    std::uint8_t evtchn_upcall_mask;     // +1   the PV guest's interrupt flag, inverted
    std::uint8_t pad[6];                 // +2
    std::uint64_t evtchn_pending_sel;    // +8   words of evtchn_pending that have bits set (two-level ABI)
    ArchVcpuInfo arch;                   // +16
    VcpuTimeInfo time;                   // +32
};
static_assert(sizeof(VcpuInfo) == 64);

struct ArchSharedInfo {
    std::uint64_t max_pfn;                     // +0   entries of the guest's phys-to-machine table
    std::uint64_t pfn_to_mfn_frame_list_list;  // +8   its root as a frame, 0 not yet, ~0 see p2m_vaddr
    std::uint64_t nmi_reason;                  // +16  kNmiReason*
    std::uint64_t p2m_cr3;                     // +24  address space in which p2m_vaddr holds
    std::uint64_t p2m_vaddr;                   // +32  the table as a linear array
    std::uint64_t p2m_generation;              // +40  odd while the guest changes its mapping
};
static_assert(sizeof(ArchSharedInfo) == 48);

struct SharedInfo {
    VcpuInfo vcpu_info[kLegacyMaxVcpus];  // +0
    std::uint64_t evtchn_pending[64];     // +2048
    std::uint64_t evtchn_mask[64];        // +2560
    std::uint32_t wc_version;             // +3072  as VcpuTimeInfo::version, for the three below
    std::uint32_t wc_sec;                 // +3076  wall clock at system time 0, seconds since 1970, low half
    std::uint32_t wc_nsec;                // +3080
    std::uint32_t wc_sec_hi;              // +3084  high half
    ArchSharedInfo arch;                  // +3088
};
static_assert(sizeof(SharedInfo) == 3136 && offsetof(SharedInfo, evtchn_pending) == 2048 &&
              offsetof(SharedInfo, wc_version) == 3072 && offsetof(SharedInfo, arch) == 3088);

// Virtual interrupts. Per vCPU unless marked global; global ones start on vCPU 0 and may be moved.
enum class Virq : std::uint32_t {
    Timer = 0,
    Debug = 1,
    Console = 2,          // global, Dom0: input on the emergency console
    DomainException = 3,  // global, Dom0: a domain stopped or crashed
    TraceBuffer = 4,      // global, Dom0
    Debugger = 6,         // global, Dom0
    Xenoprof = 7,
    ConsoleRing = 8,   // global, Dom0: output on the console ring
    PcpuState = 9,     // global, Dom0
    MemoryEvent = 10,  // global, Dom0
    Argo = 11,         // global
    NoMemory = 12,     // global, Dom0
    Pmu = 13,
    Arch0 = 16,  // global: machine check in Xen
    Arch7 = 23,
};
inline constexpr unsigned kVirqCount = 24;

// HypercallId::VmAssist(VmAssistCommand, VmAssistType).
enum class VmAssistCommand : std::uint32_t { Enable = 0, Disable = 1 };
enum class VmAssistType : std::uint32_t {
    Segments4Gb = 0,
    Segments4GbNotify = 1,
    WritablePagetables = 2,
    PaeExtendedCr3 = 3,
    ArchitecturalIopl = 4,
    RunstateUpdateFlag = 5,
    M2pStrict = 32,
};

}  // namespace hv::abi::xen
