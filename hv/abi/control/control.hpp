// The control hypercall: how a toolstack in the privileged domain manages hv.
//
//   result = hypercall(kControlHypercall, operation, argument, argument_size, 0)
//
// `argument` is the guest-virtual address of the operation's structure (below and in the files beside this one) and
// `argument_size` the size in bytes that the caller compiled with. The result is 0 or more on success and a negated
// Xen errno (see hv/abi/xen/errno.hpp) on failure. The register with the 0 belongs to hv while a call that was
// preempted goes on.
//
// Compatibility, both ways:
//   * operation numbers are never reused;
//   * structures only grow at their end, and a zero in a grown field means what its absence meant;
//   * a caller's structure shorter than hv's is extended with zeros on the way in and cut on the way out;
//   * a caller's structure longer than hv's is accepted if all that hv does not know is zero, else -E2BIG;
//   * a caller's structure shorter than the operation's first published size is -EINVAL.
//
// Every field is little-endian, naturally aligned, without implicit padding; `reserved` fields must be zero on input.
// Buffers inside structures are guest-virtual addresses in the caller's address space.
#pragma once

#include <cstdint>

namespace hv::abi::control {

// In the architecture-specific range that Xen leaves free, so that privcmd passes it on.
inline constexpr std::uint32_t kControlHypercall = 55;

// Grows with every addition; nothing is ever taken away.
inline constexpr std::uint32_t kInterfaceVersion = 5;

enum class Operation : std::uint32_t {
    // host.hpp
    GetVersion = 0x0001,
    GetHostInfo = 0x0002,
    GetCpuInfo = 0x0003,
    ReadText = 0x0004,
    GetPerfCounters = 0x0005,
    // console.hpp
    ReadConsole = 0x0100,
    SendDebugKeys = 0x0101,
    // domain.hpp
    ListDomains = 0x0200,
    GetDomain = 0x0201,
    CreateDomain = 0x0202,
    DestroyDomain = 0x0203,
    PauseDomain = 0x0204,
    UnpauseDomain = 0x0205,
    ShutdownDomain = 0x0206,
    SetMaxMemory = 0x0207,
    SetClaim = 0x0208,
    InitHypercallPage = 0x0209,
    SeedGrants = 0x020a,
    SetUuid = 0x020b,
    // vcpu.hpp
    GetVcpuContext = 0x0300,
    SetVcpuContext = 0x0301,
    GetVcpuInfo = 0x0302,
    GetVcpuAffinity = 0x0303,
    SetVcpuAffinity = 0x0304,
    GetVcpuState = 0x0305,
    // memory.hpp
    CopyMemory = 0x0400,
    GetFrameTypes = 0x0401,
    GetFrameList = 0x0402,
    // sched.hpp
    GetSchedParameters = 0x0500,
    SetSchedParameters = 0x0501,
};

// A DomainId that names the caller itself, as in Xen's public interface (DOMID_SELF).
inline constexpr std::uint16_t kDomainSelf = 0x7ff0;
// "No particular domain": lets CreateDomain choose the identifier.
inline constexpr std::uint16_t kDomainAny = 0xffff;

}  // namespace hv::abi::control
