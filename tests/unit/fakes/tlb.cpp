// A processor without TLBs.
#include "hv/machine/tlb.hpp"

namespace hv {

std::uint32_t tlb_clock() {
    return 1;
}
bool flush_stale_tlbs(DomainId, std::uint32_t) {
    return false;
}
void flush_frame_from_caches(Mfn) {}

}  // namespace hv
