// Hypercall numbers and the calling convention of 64-bit PV guests.
//
// A guest calls hypercall_page + 32 * number with its arguments in rdi, rsi, rdx, r10, r8 (and r9 for the sixth, which
// only multicalls and our control hypercall could use); the result comes back in rax, argument registers are clobbered.
// The stub executes SYSCALL with the number in eax, except for Iret, which saves rcx and r11 on the stack first.
#pragma once

#include <cstddef>
#include <cstdint>

namespace hv::abi::xen {

enum class HypercallId : std::uint32_t {
    SetTrapTable = 0,
    MmuUpdate = 1,
    SetGdt = 2,
    StackSwitch = 3,
    SetCallbacks = 4,
    FpuTaskswitch = 5,
    SchedOpCompat = 6,
    PlatformOp = 7,
    SetDebugreg = 8,
    GetDebugreg = 9,
    UpdateDescriptor = 10,
    MemoryOp = 12,
    Multicall = 13,
    UpdateVaMapping = 14,
    SetTimerOp = 15,
    EventChannelOpCompat = 16,
    XenVersion = 17,
    ConsoleIo = 18,
    PhysdevOpCompat = 19,
    GrantTableOp = 20,
    VmAssist = 21,
    UpdateVaMappingOtherdomain = 22,
    Iret = 23,
    VcpuOp = 24,
    SetSegmentBase = 25,
    MmuextOp = 26,
    XsmOp = 27,
    NmiOp = 28,
    SchedOp = 29,
    CallbackOp = 30,
    XenoprofOp = 31,
    EventChannelOp = 32,
    PhysdevOp = 33,
    HvmOp = 34,
    Sysctl = 35,
    Domctl = 36,
    KexecOp = 37,
    TmemOp = 38,
    ArgoOp = 39,
    XenpmuOp = 40,
    DmOp = 41,
    HypfsOp = 42,
    Arch0 = 48,  // machine checks
    Arch1 = 49,
    Arch2 = 50,
    Arch3 = 51,
    Arch4 = 52,
    Arch5 = 53,
    Arch6 = 54,
    Arch7 = 55,  // hv's control hypercall, see hv/abi/control
};

inline constexpr std::uint32_t kHypercallCount = 64;    // numbers that a hypercall page has room for are 0 to 127
inline constexpr std::size_t kHypercallStubBytes = 32;  // one entry of the hypercall page
inline constexpr std::size_t kHypercallPageEntries = 128;

}  // namespace hv::abi::xen
