// Control operations on a domain's memory, for builders and savers. See control.hpp for the rules that all structures
// follow. Memory is added with Xen's XENMEM_populate_physmap and mapped with Xen's foreign MMU updates.
#pragma once

#include <cstdint>

namespace hv::abi::control {

enum class CopyDirection : std::uint32_t { ToDomain = 0, FromDomain = 1, Zero = 2 };

// CopyMemory: copies whole or partial frames between the caller and frames of a domain without mapping them.
// Frame i of `frames` holds bytes [i * 4096, (i + 1) * 4096) of the area; `offset` and `length` select from it.
// Page-table, descriptor and other typed frames are refused for writing (-EBUSY). Preemptible; on failure `done` says
// how many bytes were copied.
struct CopyMemory {
    std::uint64_t frames;     // +0   in: u64[] of the domain's frame numbers (for PV mfns)
    std::uint64_t buffer;     // +8   in: caller's memory; unused for Zero
    std::uint64_t offset;     // +16  in: bytes into the area
    std::uint64_t length;     // +24  in: bytes
    std::uint64_t done;       // +32  in: 0; out: bytes copied
    std::uint16_t domain;     // +40  in
    std::uint16_t reserved0;  // +42
    std::uint32_t direction;  // +44  in: CopyDirection
};
static_assert(sizeof(CopyMemory) == 48);

enum class FrameType : std::uint32_t {
    None = 0,
    L1 = 1,
    L2 = 2,
    L3 = 3,
    L4 = 4,
    Descriptor = 5,
    Writable = 6,
    Shared = 7,
    Invalid = 0xf
};
inline constexpr std::uint32_t kFramePinned = 1u << 31;

// GetFrameTypes: for each of `count` frames, at most 1,024 at a time, a u32 FrameType (with kFramePinned) is written to
// `types`.
struct GetFrameTypes {
    std::uint64_t frames;    // +0   in: u64[]
    std::uint64_t types;     // +8   in: u32[]
    std::uint32_t count;     // +16  in
    std::uint16_t domain;    // +20  in
    std::uint16_t reserved;  // +22
};
static_assert(sizeof(GetFrameTypes) == 24);

// GetFrameList: the frames that the domain owns, in no particular order. The domain must be paused. For each of them
// `pfns` is given the domain's own number of it as the machine-to-phys table has it: all ones, or anything that the
// guest has put there, where it has none.
struct GetFrameList {
    std::uint64_t frames;    // +0   in: u64[]
    std::uint64_t capacity;  // +8   in
    std::uint64_t count;     // +16  out: frames written
    std::uint16_t domain;    // +24  in
    std::uint16_t reserved;  // +26
    std::uint32_t next;      // +28  in: zero; hv's own while it is at work
    std::uint64_t pfns;      // +32  in: u64[], or 0: they are not asked for
};
static_assert(sizeof(GetFrameList) == 40);
inline constexpr std::uint32_t kFirstFrameListBytes = 32;  // as it was first published

}  // namespace hv::abi::control
