// Control operations on the host as a whole. See control.hpp for the rules that all structures follow.
#pragma once

#include <cstdint>

namespace hv::abi::control {

// GetVersion: which hypervisor is this?
struct GetVersion {
    std::uint32_t interface_version;  // +0   out: kInterfaceVersion of the running hv
    std::uint32_t reserved;           // +4
    char name[16];                    // +8   out: "hv", NUL-terminated
    char version[40];                 // +24  out: e.g. "0.1.0", NUL-terminated
};
static_assert(sizeof(GetVersion) == 64);

// Bits of GetHostInfo::features.
enum HostFeature : std::uint64_t {
    kHostPv = 1u << 0,
    kHostPvh = 1u << 1,
    kHostHvm = 1u << 2,
    kHostNestedPaging = 1u << 3,
    kHostIommu = 1u << 4,
    kHostTscStable = 1u << 5,  // the TSC is invariant and synchronised: guests read the clock without a hypercall
    kHostSmep = 1u << 6,
    kHostSmap = 1u << 7,
    kHostUmip = 1u << 8,
};

struct GetHostInfo {
    std::uint64_t features;          // +0   out: HostFeature bits
    std::uint64_t total_frames;      // +8   out: usable RAM in 4 KiB frames
    std::uint64_t free_frames;       // +16  out: frames without an owner
    std::uint64_t claimed_frames;    // +24  out: free frames that are promised by claims
    std::uint64_t hv_frames;         // +32  out: frames that hv itself uses (image, frame table, heap)
    std::uint64_t max_mfn;           // +40  out: highest machine frame number in use plus one
    std::uint64_t system_time;       // +48  out: nanoseconds since boot
    std::uint32_t tsc_khz;           // +56  out
    std::uint32_t cpus_online;       // +60  out
    std::uint32_t cpus_present;      // +64  out
    std::uint32_t threads_per_core;  // +68  out
    std::uint32_t cores_per_socket;  // +72  out
    std::uint32_t sockets;           // +76  out
    std::uint32_t nodes;             // +80  out: NUMA nodes
    std::uint32_t domains;           // +84  out: domains that exist, Dom0 included
    std::uint32_t max_domains;       // +88  out
    std::uint32_t max_vcpus;         // +92  out: most vCPUs that one domain may have
    char cpu_vendor[16];             // +96  out: CPUID vendor string, NUL-terminated
    char cpu_model[64];              // +112 out: CPUID brand string, NUL-terminated
    std::uint32_t microcode;         // +176 out: revision of the boot CPU's, 0 when it has none or hv is too old to say
    std::uint32_t reserved;          // +180
};
static_assert(sizeof(GetHostInfo) == 184);
inline constexpr std::uint32_t kFirstHostInfoBytes = 176;

struct CpuInfo {
    std::uint32_t cpu;           // +0
    std::uint32_t apic_id;       // +4
    std::uint32_t online;        // +8   1 when running
    std::uint32_t socket;        // +12
    std::uint32_t core;          // +16
    std::uint32_t node;          // +20
    std::uint64_t idle_time_ns;  // +24  time spent in the idle vCPU since boot
};
static_assert(sizeof(CpuInfo) == 32);

// GetCpuInfo: fills `buffer` with at most `capacity` records of `record_size` bytes, from CPU `first` on.
struct GetCpuInfo {
    std::uint64_t buffer;       // +0   in: CpuInfo[]
    std::uint32_t record_size;  // +8   in: sizeof(CpuInfo) of the caller
    std::uint32_t first;        // +12  in
    std::uint32_t capacity;     // +16  in
    std::uint32_t count;        // +20  out: records written
};
static_assert(sizeof(GetCpuInfo) == 24);

enum class Text : std::uint32_t {
    CommandLine = 0,
    BuildId = 1,
    Compiler = 2,
    BuildDate = 3,
    Capabilities = 4,  // as XENVER_capabilities: "xen-3.0-x86_64 ..."
    // Lists of names, ", " between them. An hv that is too old has none: -EINVAL, as for any text that does not exist.
    Leaks = 5,        // what the processors let one program see of another
    Mitigations = 6,  // what is done about it
    OpenLeaks = 7,    // what is left of it
};

// ReadText: copies a text without its NUL; `length` is the whole text's length even when the buffer is shorter.
struct ReadText {
    std::uint64_t buffer;    // +0   in
    std::uint32_t which;     // +8   in: Text
    std::uint32_t capacity;  // +12  in: bytes
    std::uint32_t length;    // +16  out: bytes
    std::uint32_t reserved;  // +20
};
static_assert(sizeof(ReadText) == 24);

struct PerfCounter {
    char name[48];        // +0   e.g. "hypercall.mmu_update", "trap.page_fault"; NUL-terminated
    std::uint64_t value;  // +48  since boot, over all CPUs: the sum, or the most where the name says what of
                          // (timer.latest_ns, interrupts_off_ns.*; the latter are there while they are measured)
};
static_assert(sizeof(PerfCounter) == 56);

// GetPerfCounters: fills `buffer` with at most `capacity` records of `record_size`
// bytes; `available` is how many exist.
struct GetPerfCounters {
    std::uint64_t buffer;       // +0   in: PerfCounter[]
    std::uint32_t record_size;  // +8   in
    std::uint32_t capacity;     // +12  in
    std::uint32_t count;        // +16  out: records written
    std::uint32_t available;    // +20  out
};
static_assert(sizeof(GetPerfCounters) == 24);

}  // namespace hv::abi::control
