// HypercallId::NmiOp(command, argument): Dom0's NMI handler.
#pragma once

#include <cstdint>

namespace hv::abi::xen {

enum class NmiCommand : std::uint32_t { RegisterCallback = 0, UnregisterCallback = 1 };

struct NmiCallback {
    std::uint64_t handler_address;  // +0
    std::uint64_t pad;              // +8
};
static_assert(sizeof(NmiCallback) == 16);

// ArchSharedInfo::nmi_reason
inline constexpr std::uint64_t kNmiReasonIoError = 1u << 0;
inline constexpr std::uint64_t kNmiReasonPciSerr = 1u << 1;
inline constexpr std::uint64_t kNmiReasonUnknown = 1u << 2;

}  // namespace hv::abi::xen
