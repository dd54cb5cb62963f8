// Frames that belong to domains: giving, taking, and the promises made to them.
#pragma once

#include <cstdint>

#include "hv/base/result.hpp"
#include "hv/base/types.hpp"

namespace hv {

class Domain;
struct FrameInfo;

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
void free_shared_page(Domain& domain, void* page);

}  // namespace hv
