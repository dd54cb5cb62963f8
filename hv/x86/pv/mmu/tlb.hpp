// TLB flushes of guests.
#pragma once

#include "hv/base/bitmap.hpp"
#include "hv/base/types.hpp"
#include "hv/domain/limits.hpp"

namespace hv {
class Domain;
class Vcpu;
}  // namespace hv

namespace hv::x86 {

// Guests' entries are not global: reloading CR3 flushes them.
void flush_local();
void flush_local_page(GuestVirtual address);
// On every CPU of the set; waits until it is done.
void flush_cpus(const CpuSet& cpus);
void flush_cpus_page(const CpuSet& cpus, GuestVirtual address);

// Writes back and empties this CPU's caches.
void flush_caches();

// CPUs whose TLB may hold entries of these vCPUs. `mask` has bit n for vCPU n.
CpuSet cpus_of(const Domain& domain);
CpuSet cpus_of(const Domain& domain, const VcpuSet& mask);

}  // namespace hv::x86
