// The one table of hypercalls.
#pragma once

#include <cstddef>
#include <cstdint>

#include "hv/hypercall/hypercall.hpp"

namespace hv {

inline constexpr std::uint32_t kHypercallSlots = 64;

// Unknown numbers are Error::NotImplemented.
HypercallResult dispatch_hypercall(std::uint32_t number, HypercallArguments& arguments);

// For the performance counters: null when there is no such hypercall.
const char* hypercall_name(std::uint32_t number);
std::uint64_t hypercall_count(std::uint32_t number);

struct HypercallEntry {
    std::uint32_t number;
    const char* name;
    HypercallHandler handler;
};
// Bring-up: the processor's own hypercalls join those of the layers above it.
void register_hypercalls(const HypercallEntry* entries, std::size_t count);

}  // namespace hv
