// The ioctls of Linux's Xen devices (include/uapi/xen of the kernel): numbers and shapes only. Linux leaves these
// headers out of what it installs.
#pragma once

#include <sys/ioctl.h>

#include <cstdint>

namespace hvctl::linux_abi {

// /dev/xen/privcmd
struct PrivcmdHypercall {
    std::uint64_t op;
    std::uint64_t arg[5];
};
inline constexpr unsigned long kPrivcmdHypercall = _IOC(_IOC_NONE, 'P', 0, sizeof(PrivcmdHypercall));

struct PrivcmdMmapBatchV2 {
    std::uint32_t num;  // pages
    std::uint16_t domain;
    std::uint64_t address;  // where they go in the caller
    const std::uint64_t* frames;
    int* errors;  // 0 or a negated errno for each page
};
static_assert(sizeof(PrivcmdMmapBatchV2) == 32);
inline constexpr unsigned long kPrivcmdMmapBatchV2 = _IOC(_IOC_NONE, 'P', 4, sizeof(PrivcmdMmapBatchV2));

// /dev/xen/evtchn; each returns the local port or 0
struct EvtchnBindInterdomain {
    std::uint32_t remote_domain, remote_port;
};
struct EvtchnOne {  // a VIRQ or a port
    std::uint32_t value;
};
inline constexpr unsigned long kEvtchnBindVirq = _IOC(_IOC_NONE, 'E', 0, sizeof(EvtchnOne));
inline constexpr unsigned long kEvtchnBindInterdomain = _IOC(_IOC_NONE, 'E', 1, sizeof(EvtchnBindInterdomain));
inline constexpr unsigned long kEvtchnUnbind = _IOC(_IOC_NONE, 'E', 3, sizeof(EvtchnOne));
inline constexpr unsigned long kEvtchnNotify = _IOC(_IOC_NONE, 'E', 4, sizeof(EvtchnOne));
inline constexpr unsigned long kEvtchnReset = _IOC(_IOC_NONE, 'E', 5, 0);

// /dev/xen/gntdev
struct GntdevGrantRef {
    std::uint32_t domain, reference;
};
struct GntdevMapGrantRef {  // followed by count - 1 more references
    std::uint32_t count, pad;
    std::uint64_t index;  // out: offset for mmap()
    GntdevGrantRef refs[1];
};
static_assert(sizeof(GntdevMapGrantRef) == 24);
inline constexpr unsigned long kGntdevMapGrantRef = _IOC(_IOC_NONE, 'G', 0, sizeof(GntdevMapGrantRef));

// /dev/xen/xenbus_backend; returns the kernel's port
inline constexpr unsigned long kXenbusBackendEvtchn = _IOC(_IOC_NONE, 'B', 0, 0);

}  // namespace hvctl::linux_abi
