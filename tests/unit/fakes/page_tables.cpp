// A processor without page tables and TLBs: every frame is what its owner says.
#include "hv/machine/tlb.hpp"
#include "hv/memory/audit.hpp"
#include "hv/memory/frame_seams.hpp"

namespace hv {

Result<> validate_frame(FrameInfo&, FrameType) {
    return {};
}
Result<> invalidate_frame(FrameInfo&, FrameType, std::uint8_t) {
    return {};
}
void audit_table(FrameAudit&, Mfn, FrameType, unsigned) {}
std::uint32_t tlb_clock() {
    return 1;
}
void flush_stale_tlbs(DomainId, std::uint32_t) {}
void flush_frame_from_caches(Mfn) {}

}  // namespace hv
