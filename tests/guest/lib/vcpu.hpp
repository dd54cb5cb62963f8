// vCPUs of a test kernel. Each has an aligned stack whose lowest bytes say which vCPU it is.
#pragma once

#include "tests/guest/lib/hypercall.hpp"

namespace guest {

inline constexpr u64 kVcpuStackBytes = 32768;  // as VCPU_STACK_BYTES in start.S
inline constexpr u32 kMaxVcpus = 4;

struct CatchPoint;

struct ThisVcpu {
    u32 id;
    CatchPoint* catch_point;
    VcpuInfo& info() const;
};

ThisVcpu& this_vcpu();
void init_boot_vcpu();
u32 vcpu_count();  // that this domain may use, at most kMaxVcpus

// Starts vCPU `id` in `function`; when that returns the vCPU goes down.
long start_vcpu(u32 id, void (*function)(void*), void* argument);
// What start_vcpu() passes to Initialise, for tests that spoil it.
VcpuGuestContext& prepare_context(u32 id, void (*function)(void*), void* argument);
bool vcpu_is_up(u32 id);
void wait_until_down(u32 id);

void yield();

}  // namespace guest
