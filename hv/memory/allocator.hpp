// The frame allocator: buddy lists of free RAM, and the promises (claims) made against it.
#pragma once

#include <cstdint>
#include <span>

#include "hv/base/result.hpp"
#include "hv/base/types.hpp"

namespace hv {

inline constexpr unsigned kMaxOrder = 18;  // 1 GiB

// Bring-up: takes over RAM frames [first, end); each must be covered by the frame table and unused.
void allocator_add(Mfn first, Mfn end);

struct FrameDemand {
    unsigned order = 0;
    unsigned address_bits = 64;      // all of the block lies below 2^address_bits
    std::uint64_t* claim = nullptr;  // a promise that is used up first; it changes under the allocator's lock
    bool clear = true;               // zero the frames
};

// A naturally aligned block of 2^order frames with no owner, no references and no type, which no TLB has any
// more. The time under the allocator's lock depends on nothing that is asked for: at most a look at each of 32
// zones and kMaxOrder splits. Error::NoMemory. The time after that is in proportion to the frames, and is not
// interrupted: calls on behalf of a guest ask for few.
Result<Mfn> allocate_frames(const FrameDemand& demand);
// The same for as many blocks as there is room for, whose numbers it fills in: all or
// none. TLBs are flushed at most once.
Result<> allocate_blocks(const FrameDemand& demand, std::span<std::uint32_t> blocks);
void free_frames(Mfn first, unsigned order);
// The same for frames that since their allocation were in no translation but hv's direct map, and no page tables: their
// next owner has no TLB flushed. With free_frames(), a guest could make all CPUs flush as often as it makes hv allocate
// and free.
void free_unmapped_frames(Mfn first, unsigned order);

std::uint64_t total_frames();  // that the allocator was ever given
// All RAM of the machine, with what hv took before there was an allocator.
std::uint64_t machine_frames();
void set_machine_frames(std::uint64_t frames);
std::uint64_t free_frame_count();
std::uint64_t claimed_frame_count();

// Makes `claim` a promise of that many free frames. Error::NoMemory: there are not that
// many that no other domain was promised.
Result<> change_claim(std::uint64_t& claim, std::uint64_t frames);

}  // namespace hv
