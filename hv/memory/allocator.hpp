// The frame allocator: buddy lists of free RAM in two zones, and the promises (claims) made against it.
#pragma once

#include <cstdint>

#include "hv/base/result.hpp"
#include "hv/base/types.hpp"

namespace hv {

class Domain;
struct FrameInfo;

inline constexpr unsigned kMaxOrder = 18;  // 1 GiB

// Bring-up: takes over RAM frames [first, end); each must be covered by the frame table and unused.
void allocator_add(Mfn first, Mfn end);

struct FrameDemand {
    unsigned order = 0;
    unsigned address_bits = 64;      // all of the block lies below 2^address_bits
    Domain* claimant = nullptr;      // may use what was promised to this domain
    bool clear = true;               // zero the frames
};

// A naturally aligned block of 2^order frames with no owner, no references and no type. Error::NoMemory.
Result<Mfn> allocate_frames(const FrameDemand& demand);
void free_frames(Mfn first, unsigned order);

std::uint64_t total_frames();    // that the allocator was ever given
// All RAM of the machine, with what hv took before there was an allocator.
std::uint64_t machine_frames();
void set_machine_frames(std::uint64_t frames);
std::uint64_t free_frame_count();
std::uint64_t claimed_frame_count();

// Promises `domain` enough free frames to own `frames` in all; 0 drops the promise.
Result<> set_claim(Domain& domain, std::uint64_t frames);

// Gives 2^order fresh frames to the domain: owned, referenced once each by that, counted and listed.
// Error::NoMemory: none left; Error::NoSpace: the domain's maximum is reached.
// Zeroed, unless `clear` says otherwise: for Dom0 at boot, whose frames held nobody's data.
Result<Mfn> allocate_domain_frames(Domain& domain, unsigned order, unsigned address_bits = 64, bool clear = true);
// Makes already allocated, unowned frames the domain's (Dom0 building, exchanges). Same errors.
Result<> assign_frames(Domain& domain, Mfn first, std::uint64_t count);
// The domain gives up its own reference; the frame is free when the last other one goes. False when it had none.
bool release_frame(FrameInfo& info);

// hv's memory that a domain may map: shared info, grant tables. One page, zeroed, owned by the domain but not counted.
void* allocate_shared_page(Domain& domain);
// hv stops using it; guests that still map it keep it until they unmap.
void free_shared_page(void* page);

}  // namespace hv
