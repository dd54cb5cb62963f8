#include "hv/x86/leaks/virtual_ssbd.hpp"

namespace hv::x86 {

std::uint64_t virtual_ssbd_bit(const Identification& id) {
    constexpr unsigned kBulldozer = 54, kJaguar = 33, kZen = 10;
    if (!id.is_amd() || id.has(CpuidBit::AmdSsbd) || (id.has(CpuidBit::Hypervisor) && !id.interpreted)) return 0;
    switch (id.signature.family) {
        case 0x15: return std::uint64_t{1} << kBulldozer;
        case 0x16: return std::uint64_t{1} << kJaguar;
        case 0x17:
        case 0x18: return std::uint64_t{1} << kZen;
        default: return 0;
    }
}

}  // namespace hv::x86
