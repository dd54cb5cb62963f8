// A domain's lists of frames.
#pragma once

namespace hv {

class Domain;
struct FrameInfo;

// The next frame that the dying domain still has, with a reference for the caller, moved to the list of those that are
// done; null when there is none.
FrameInfo* take_for_relinquishing(Domain& domain);
void put_back_for_relinquishing(Domain& domain, FrameInfo& info);

}  // namespace hv
