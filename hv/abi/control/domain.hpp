// Control operations on domains. See control.hpp for the rules that all structures follow.
//
// Errors common to all: -ESRCH no such domain, -EPERM the policy refuses, -EINVAL a
// reserved field or an argument is bad.
#pragma once

#include <cstdint>

namespace hv::abi::control {

// Bits of DomainInfo::flags.
enum DomainFlag : std::uint32_t {
    kDomainDying = 1u << 0,       // DestroyDomain has begun
    kDomainShutdown = 1u << 1,    // the guest has stopped; see shutdown_reason
    kDomainPaused = 1u << 2,      // paused by the toolstack
    kDomainBlocked = 1u << 3,     // every online vCPU waits for an event
    kDomainRunning = 1u << 4,     // a vCPU is on a CPU now
    kDomainPrivileged = 1u << 5,  // Dom0
    kDomainUnstarted = 1u << 6,   // never unpaused since it was created
};

enum class DomainType : std::uint32_t { Pv = 0, Pvh = 1, Hvm = 2 };

// As in Xen's sched.h (SHUTDOWN_*).
enum class ShutdownReason : std::uint32_t {
    Poweroff = 0,
    Reboot = 1,
    Suspend = 2,
    Crash = 3,
    Watchdog = 4,
    SoftReset = 5
};

struct DomainInfo {
    std::uint16_t domain;           // +0
    std::uint16_t reserved0;        // +2
    std::uint32_t flags;            // +4   DomainFlag bits
    std::uint32_t type;             // +8   DomainType
    std::uint32_t shutdown_reason;  // +12  ShutdownReason, when kDomainShutdown
    std::uint8_t uuid[16];          // +16
    std::uint64_t frames;           // +32  frames that the domain owns
    std::uint64_t max_frames;       // +40  the most it may own
    std::uint64_t claimed_frames;   // +48  still promised to it
    std::uint64_t shared_info_mfn;  // +56
    std::uint64_t cpu_time_ns;      // +64  sum over its vCPUs
    std::uint32_t vcpus_online;     // +72
    std::uint32_t max_vcpus;        // +76
    std::uint64_t hv_bytes;         // +80  memory that hv holds on the domain's behalf
    std::uint64_t created_at_ns;    // +88  system time when it was created
};
static_assert(sizeof(DomainInfo) == 96);

// ListDomains: fills `buffer` with at most `capacity` records of `record_size` bytes, in ascending order from domain
// `first` on.
struct ListDomains {
    std::uint64_t buffer;       // +0   in: DomainInfo[]
    std::uint32_t record_size;  // +8   in: sizeof(DomainInfo) of the caller
    std::uint32_t capacity;     // +12  in
    std::uint32_t count;        // +16  out: records written
    std::uint16_t first;        // +20  in
    std::uint16_t reserved;     // +22
};
static_assert(sizeof(ListDomains) == 24);

struct GetDomain {
    std::uint16_t domain;       // +0   in
    std::uint16_t reserved[3];  // +2
    DomainInfo info;            // +8   out
};
static_assert(sizeof(GetDomain) == 104);

// The most vCPUs that a domain may have, of this version of hv: GetHostInfo::max_vcpus is that of the one that runs.
inline constexpr std::uint32_t kMostVcpus = 128;

// What a domain's grant table may grow to.
inline constexpr std::uint32_t kMostGrantFrames = 1024;

// Bits of CreateDomain::flags.
enum CreateFlag : std::uint32_t {
    kCreateLinearPageTables = 1u << 0,  // PV: a page table may name itself and others of its level, read-only
};

// CreateDomain: makes an empty domain, paused, without memory; its vCPUs exist and are offline.
// -EEXIST the id is taken, -ENOMEM, -EOPNOTSUPP the type is not available on this host, -ENOSPC no id is left.
struct CreateDomain {
    std::uint16_t domain;               // +0   in: the id wanted or kDomainAny; out: the id
    std::uint16_t reserved0;            // +2
    std::uint32_t type;                 // +4   in: DomainType
    std::uint8_t uuid[16];              // +8   in
    std::uint64_t max_frames;           // +24  in
    std::uint32_t max_vcpus;            // +32  in: 1 to GetHostInfo::max_vcpus
    std::uint32_t max_event_ports;      // +36  in: 0 for the default
    std::uint32_t max_grant_frames;     // +40  in: 0 for the default (64), up to kMostGrantFrames
    std::uint32_t max_maptrack_frames;  // +44  in: 0 for the default (1024)
    std::uint32_t max_grant_version;    // +48  in: 1, 2, or 0 for the default (2)
    std::uint32_t flags;                // +52  in: CreateFlag bits
};
static_assert(sizeof(CreateDomain) == 56);

// The operations that take a domain and nothing else: DestroyDomain, PauseDomain, UnpauseDomain.
// DestroyDomain is preemptible inside hv and returns when every resource is back, or -EAGAIN while other domains still
// hold references to the domain's frames (foreign maps, grants); it is then called again.
struct DomainOnly {
    std::uint16_t domain;       // +0   in
    std::uint16_t reserved[3];  // +2
};
static_assert(sizeof(DomainOnly) == 8);

// ShutdownDomain: stops the domain as if it had called SCHEDOP_shutdown itself.
struct ShutdownDomain {
    std::uint16_t domain;    // +0   in
    std::uint16_t reserved;  // +2
    std::uint32_t reason;    // +4   in: ShutdownReason
};
static_assert(sizeof(ShutdownDomain) == 8);

// SetMaxMemory: the most frames that the domain may own. Below what it owns now it only stops growth. The memory map
// that a PV guest is shown stays as CreateDomain::max_frames made it.
//
// SetClaim: promises the domain `frames` frames in all; -ENOMEM at once when they are not there. Zero drops the claim.
struct SetFrames {
    std::uint16_t domain;       // +0   in
    std::uint16_t reserved[3];  // +2
    std::uint64_t frames;       // +8   in
};
static_assert(sizeof(SetFrames) == 16);

// InitHypercallPage: fills the domain's frame with the entry stubs that a PV kernel calls.
struct InitHypercallPage {
    std::uint16_t domain;       // +0   in
    std::uint16_t reserved[3];  // +2
    std::uint64_t gfn;          // +8   in: a frame that the domain owns; for PV an mfn
};
static_assert(sizeof(InitHypercallPage) == 16);

// SeedGrants: grants the console and store rings to `backend` under the references that the PV ABI reserves
// (GNTTAB_RESERVED_CONSOLE 0, GNTTAB_RESERVED_XENSTORE 1), before the guest has set up its table.
struct SeedGrants {
    std::uint16_t domain;       // +0   in
    std::uint16_t backend;      // +2   in
    std::uint32_t reserved;     // +4
    std::uint64_t console_gfn;  // +8   in: for PV an mfn
    std::uint64_t store_gfn;    // +16  in: for PV an mfn
};
static_assert(sizeof(SeedGrants) == 24);

// SetUuid: of a domain that has shut down; -EBUSY for one that runs, which may have read it. Since interface version 5.
struct SetUuid {
    std::uint16_t domain;       // +0   in
    std::uint16_t reserved[3];  // +2
    std::uint8_t uuid[16];      // +8   in
};
static_assert(sizeof(SetUuid) == 24);

}  // namespace hv::abi::control
