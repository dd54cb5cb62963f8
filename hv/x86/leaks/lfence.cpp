#include "hv/x86/leaks/lfence.hpp"

namespace hv::x86 {

std::uint64_t lfence_waits_bit(const Identification& id) {
    constexpr unsigned kFirstFamily = 0x10, kGriffin = 0x11;  // the older ones and that one have no such register
    constexpr unsigned kLfenceWaits = 1;
    if (!id.is_amd() || id.has(CpuidBit::LfenceWaits) || (id.has(CpuidBit::Hypervisor) && !id.interpreted)) return 0;
    if (id.signature.family < kFirstFamily || id.signature.family == kGriffin) return 0;
    return std::uint64_t{1} << kLfenceWaits;
}

}  // namespace hv::x86
