// Frames that belong to domains: giving, taking, and the promises made to them.
#pragma once

#include <cstdint>

#include "hv/base/result.hpp"
#include "hv/base/types.hpp"
#include "hv/memory/frame.hpp"

namespace hv {

class Domain;

// The one place where what a guest calls a frame becomes the frame. A PV guest calls them by their machine numbers. A
// number that is no frame's is passed on: the code that takes a reference on the frame refuses it.
Mfn mfn_of(const Domain& domain, Gfn frame);
// And back: what the guest calls a frame, for the lists in which it is told of frames.
Gfn gfn_of(const Domain& domain, Mfn frame);

// get_frame() and get_frame_and_type() (memory/frame.hpp) of what the guest calls `frame`.
Result<FrameInfo*> get_guest_frame(const Domain& domain, Gfn frame);
Result<FrameInfo*> get_guest_frame_and_type(const Domain& domain, Gfn frame, FrameType type);

// Promises `domain` enough free frames to own `frames` in all; 0 drops the promise.
Result<> set_claim(Domain& domain, std::uint64_t frames);

// Gives 2^order fresh frames to the domain: owned, referenced once each by that, counted and listed.
// Error::NoMemory: none left; Error::NoSpace: the domain's maximum is reached.
// Zeroed, unless `clear` says otherwise: for Dom0 at boot, whose frames have held no guest's data.
Result<Mfn> allocate_domain_frames(Domain& domain, unsigned order, unsigned address_bits = 64, bool clear = true);
// Makes already allocated, unowned frames the domain's (Dom0 building, exchanges). Same errors.
Result<> assign_frames(Domain& domain, Mfn first, std::uint64_t count);
// For an exchange, which takes frames from a domain before it gives it others. The domain may own more than its
// maximum, if that was lowered: while a FrameSwap lives, assign_frames() may bring it back to what it owned when the
// first FrameSwap that lives began. No more than that, since frames that are given up may stay the domain's for as long
// as they are mapped.
class FrameSwap {
  public:
    explicit FrameSwap(Domain& domain);
    ~FrameSwap();
    FrameSwap(const FrameSwap&) = delete;
    FrameSwap& operator=(const FrameSwap&) = delete;

  private:
    Domain& domain_;
};
// The domain gives up its own reference; the frame is free when the last other one goes. False when it had none: it
// gave it up before, or the frame is none of its memory.
bool release_frame(FrameInfo& info);

}  // namespace hv
