// A processor without TLBs.
#include "hv/machine/tlb.hpp"

namespace hv {

std::uint32_t tlb_clock() {
    return 1;
}
void flush_stale_tlbs(DomainId, std::uint32_t) {}
void flush_frame_from_caches(Mfn) {}

}  // namespace hv
