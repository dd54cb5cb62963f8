// The one table of hypercalls: what each number does, and which kinds of guests may call it.
#pragma once

#include <cstddef>
#include <cstdint>

#include "hv/abi/control/domain.hpp"
#include "hv/base/enum_set.hpp"
#include "hv/hypercall/hypercall.hpp"

namespace hv {

inline constexpr std::uint32_t kHypercallSlots = 64;

// For the current vCPU. Error::NotImplemented: no such number, or none for its kind of guest; it is not counted then.
HypercallResult dispatch_hypercall(std::uint32_t number, HypercallArguments& arguments);

// For the performance counters: null when there is no such hypercall.
const char* hypercall_name(std::uint32_t number);
std::uint64_t hypercall_count(std::uint32_t number);

using HypercallCallers = EnumSet<abi::control::DomainType>;
inline constexpr HypercallCallers kPvOnly{abi::control::DomainType::Pv};
inline constexpr HypercallCallers kEveryKind{abi::control::DomainType::Pv, abi::control::DomainType::Pvh,
                                             abi::control::DomainType::Hvm};

struct HypercallEntry {
    std::uint32_t number;
    const char* name;
    HypercallHandler handler;
    HypercallCallers callers;
};
// Bring-up: the processor's own hypercalls join those of the layers above it.
void register_hypercalls(const HypercallEntry* entries, std::size_t count);

}  // namespace hv
