// Multicall: several hypercalls for the price of one entry. HypercallId::Multicall(MulticallEntry[], count); every
// entry's result is written into the entry, and the call itself succeeds even if entries fail. HypercallId::Iret ends
// the list and gets no result: the caller continues where the frame on its stack says.
#pragma once

#include <cstdint>

namespace hv::abi::xen {

struct MulticallEntry {
    std::uint64_t op;       // +0   in: HypercallId
    std::uint64_t result;   // +8   out: signed
    std::uint64_t args[6];  // +16  in
};
static_assert(sizeof(MulticallEntry) == 64);

}  // namespace hv::abi::xen
