// Hypercalls as the test kernels make them: through the hypercall page, with the raw result.
#pragma once

#include <initializer_list>
#include <type_traits>

#include "hv/abi/control/control.hpp"
#include "hv/abi/xen/callback.hpp"
#include "hv/abi/xen/console.hpp"
#include "hv/abi/xen/errno.hpp"
#include "hv/abi/xen/event_channel.hpp"
#include "hv/abi/xen/grant_table.hpp"
#include "hv/abi/xen/hypercall.hpp"
#include "hv/abi/xen/memory.hpp"
#include "hv/abi/xen/mmu.hpp"
#include "hv/abi/xen/multicall.hpp"
#include "hv/abi/xen/sched.hpp"
#include "hv/abi/xen/types.hpp"
#include "hv/abi/xen/vcpu.hpp"
#include "hv/abi/xen/version.hpp"

namespace guest {

using namespace hv::abi::xen;
using u8 = std::uint8_t;
using u16 = std::uint16_t;
using u32 = std::uint32_t;
using u64 = std::uint64_t;

extern "C" u8 hypercall_page[];

// `number` may be anything that fits the page, also what no hypervisor knows.
inline long raw_hypercall(u64 number, u64 a1 = 0, u64 a2 = 0, u64 a3 = 0, u64 a4 = 0, u64 a5 = 0) {
    u64 result = reinterpret_cast<u64>(hypercall_page) + number * kHypercallStubBytes;
    register u64 r10 asm("r10") = a4;
    register u64 r8 asm("r8") = a5;
    asm volatile("call *%%rax"
                 : "+a"(result), "+D"(a1), "+S"(a2), "+d"(a3), "+r"(r10), "+r"(r8)
                 :
                 : "rcx", "r11", "r9", "memory");
    return static_cast<long>(result);
}

// An argument is a number, an enumerator, or an object passed by address.
template <class T>
u64 argument(const T& value) {
    if constexpr (std::is_pointer_v<T>)
        return reinterpret_cast<u64>(value);
    else
        return static_cast<u64>(value);
}
inline u64 argument(decltype(nullptr)) {
    return 0;
}

template <class... Arguments>
long hypercall(HypercallId id, Arguments... arguments) {
    return raw_hypercall(static_cast<u64>(id), argument(arguments)...);
}

inline long memory_op(MemoryCommand command, auto* argument) {
    return hypercall(HypercallId::MemoryOp, command, argument);
}
inline long event_op(EventChannelCommand command, auto* argument) {
    return hypercall(HypercallId::EventChannelOp, command, argument);
}
inline long grant_op(GrantCommand command, auto* argument, u32 count = 1) {
    return hypercall(HypercallId::GrantTableOp, command, argument, count);
}
inline long vcpu_op(VcpuCommand command, u32 vcpu, auto argument) {
    return hypercall(HypercallId::VcpuOp, command, vcpu, argument);
}
inline long sched_op(SchedCommand command, auto argument) {
    return hypercall(HypercallId::SchedOp, command, argument);
}
inline long xen_version(VersionCommand command, auto argument) {
    return hypercall(HypercallId::XenVersion, command, argument);
}
template <class T>
long control_op(hv::abi::control::Operation operation, T& argument) {
    return raw_hypercall(hv::abi::control::kControlHypercall, static_cast<u64>(operation),
                         reinterpret_cast<u64>(&argument), sizeof(T));
}

}  // namespace guest
