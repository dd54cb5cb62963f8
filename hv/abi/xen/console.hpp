// HypercallId::ConsoleIo(command, count, buffer), and the ring through which a DomU's console reaches its backend.
#pragma once

#include <cstddef>
#include <cstdint>

namespace hv::abi::xen {

enum class ConsoleCommand : std::uint32_t {
    Write = 0,
    Read = 1,  // returns the bytes read
};

// Indices run freely; an offset is the index modulo the ring's size.
struct ConsoleRing {
    char in[1024];           // +0     backend to guest
    char out[2048];          // +1024  guest to backend
    std::uint32_t in_cons;   // +3072
    std::uint32_t in_prod;   // +3076
    std::uint32_t out_cons;  // +3080
    std::uint32_t out_prod;  // +3084
};
static_assert(sizeof(ConsoleRing) == 3088 && offsetof(ConsoleRing, in_cons) == 3072);

}  // namespace hv::abi::xen
