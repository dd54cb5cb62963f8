// Control operations on vCPUs. See control.hpp for the rules that all structures follow.
#pragma once

#include <cstdint>

namespace hv::abi::control {

// GetVcpuContext, SetVcpuContext: `buffer` holds Xen's vcpu_guest_context (x86-64, PV). The domain must be paused.
// Setting validates everything as the guest's own hypercalls would and takes the references that the vCPU then holds.
struct VcpuContext {
    std::uint64_t buffer;     // +0   in
    std::uint16_t domain;     // +8   in
    std::uint16_t reserved0;  // +10
    std::uint32_t vcpu;       // +12  in
    std::uint32_t size;       // +16  in: bytes of the buffer; sizeof(vcpu_guest_context)
    std::uint32_t reserved1;  // +20
};
static_assert(sizeof(VcpuContext) == 24);

// GetVcpuState: all that a vCPU of any kind of guest consists of, as records (vcpu_state.hpp); the domain is stopped
// meanwhile. -ENOBUFS when the buffer is too small: `size` says how much they take. Of a vCPU without a context
// -ENOENT.
struct GetVcpuState {
    std::uint64_t buffer;     // +0   in
    std::uint64_t capacity;   // +8   in: bytes of the buffer
    std::uint64_t size;       // +16  out: bytes that the records take
    std::uint16_t domain;     // +24  in: not the caller's own
    std::uint16_t reserved0;  // +26
    std::uint32_t vcpu;       // +28  in
};
static_assert(sizeof(GetVcpuState) == 32);

enum class RunState : std::uint32_t { Running = 0, Runnable = 1, Blocked = 2, Offline = 3 };

struct GetVcpuInfo {
    std::uint16_t domain;            // +0   in
    std::uint16_t reserved0;         // +2
    std::uint32_t vcpu;              // +4   in
    std::uint32_t online;            // +8   out: 1 unless VCPUOP_down
    std::uint32_t state;             // +12  out: RunState
    std::uint32_t cpu;               // +16  out: where it runs or last ran
    std::uint32_t initialised;       // +20  out: 1 once it has a context
    std::uint64_t state_time_ns[4];  // +24  out: time spent in each RunState
};
static_assert(sizeof(GetVcpuInfo) == 56);

// GetVcpuAffinity, SetVcpuAffinity: bitmaps of physical CPUs, bit n of byte n/8. A zero address leaves a bitmap alone.
// Setting a hard bitmap without any online CPU is -EINVAL.
struct VcpuAffinity {
    std::uint64_t hard;         // +0   in: bitmap
    std::uint64_t soft;         // +8   in: bitmap
    std::uint32_t bits;         // +16  in: size of each bitmap in bits
    std::uint32_t vcpu;         // +20  in
    std::uint16_t domain;       // +24  in
    std::uint16_t reserved[3];  // +26
};
static_assert(sizeof(VcpuAffinity) == 32);

}  // namespace hv::abi::control
