// Domain identifiers. Real domains are below kDomidFirstReserved; the others name roles in certain operations.
#pragma once

#include <cstdint>

namespace hv::abi::xen {

using Domid = std::uint16_t;

inline constexpr Domid kDomidFirstReserved = 0x7ff0;
inline constexpr Domid kDomidSelf = 0x7ff0;     // the caller
inline constexpr Domid kDomidIo = 0x7ff1;       // owner of I/O memory, for MMU updates
inline constexpr Domid kDomidXen = 0x7ff2;      // owner of the hypervisor's pages that some guests may map
inline constexpr Domid kDomidCow = 0x7ff3;      // owner of shared copy-on-write pages
inline constexpr Domid kDomidInvalid = 0x7ff4;  // no domain
inline constexpr Domid kDomidIdle = 0x7fff;
inline constexpr Domid kDomidMask = 0x7fff;

}  // namespace hv::abi::xen
