// Control operations on hv's own console. See control.hpp for the rules that all structures follow.
#pragma once

#include <cstdint>

namespace hv::abi::control {

// ReadConsole: copies from hv's log ring. Positions count bytes since boot, so a reader that remembers `next`
// continues without repeats and sees from `position` how much it has lost. hv keeps its own lines and those about
// guests apart, so that some may be lost before others that are older: `next` then goes further than `length` says.
struct ReadConsole {
    std::uint64_t buffer;    // +0   in
    std::uint64_t position;  // +8   in: first byte wanted; out: first byte delivered (later if it was overwritten)
    std::uint64_t next;      // +16  out: position after the last byte delivered
    std::uint32_t capacity;  // +24  in: bytes
    std::uint32_t length;    // +28  out: bytes delivered
    std::uint32_t flags;     // +32  in: kConsoleClear
    std::uint32_t reserved;  // +36
};
static_assert(sizeof(ReadConsole) == 40);
inline constexpr std::uint32_t kConsoleClear = 1;  // later reads without a position of their own start after this one

// SendDebugKeys: runs hv's debug-key handlers as if the keys had been typed on the serial console. ENOENT, and none
// of them runs, when hv does not have all of them.
struct SendDebugKeys {
    std::uint64_t keys;      // +0   in: ASCII characters
    std::uint32_t count;     // +8   in: at most 64
    std::uint32_t reserved;  // +12
};
static_assert(sizeof(SendDebugKeys) == 16);

}  // namespace hv::abi::control
