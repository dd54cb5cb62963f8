// HypercallId::CallbackOp(command, argument): where the guest wants to be entered.
#pragma once

#include <cstdint>

namespace hv::abi::xen {

enum class CallbackCommand : std::uint32_t { Register = 0, Unregister = 1 };

enum class CallbackType : std::uint16_t {
    Event = 0,
    Failsafe = 1,  // state could not be restored on return to the guest
    Syscall = 2,
    SysenterDeprecated = 3,
    Nmi = 4,
    Sysenter = 5,
    Syscall32 = 7,
};

inline constexpr std::uint16_t kCallbackMaskEvents = 1u << 0;  // ignored for Event and Nmi, which always mask

struct CallbackRegister {
    std::uint16_t type;     // +0   CallbackType
    std::uint16_t flags;    // +2   kCallbackMaskEvents
    std::uint32_t pad;      // +4
    std::uint64_t address;  // +8
};
static_assert(sizeof(CallbackRegister) == 16);

struct CallbackUnregister {
    std::uint16_t type;      // +0
    std::uint16_t reserved;  // +2
};
static_assert(sizeof(CallbackUnregister) == 4);

}  // namespace hv::abi::xen
