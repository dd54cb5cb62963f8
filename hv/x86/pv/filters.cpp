// What PV guests are shown of the processor otherwise than others: their kernels run in ring 3, on hv's own control
// registers.
#include "hv/x86/cpu/registers.hpp"
#include "hv/x86/paging/layout.hpp"
#include "hv/x86/pv/pv_guest.hpp"
#include "hv/x86/pv/traps/compat_entry.hpp"

namespace hv::x86 {

void PvGuest::filter_cpuid(const Vcpu&, std::uint32_t leaf, std::uint32_t, const CpuidLeaf&, CpuidLeaf& shown) const {
    constexpr std::uint32_t kSysenter = 1u << 11;
    if (leaf == 1 && !sysenter_works()) shown.edx &= ~kSysenter;
}

std::optional<bool> PvGuest::read_msr(Vcpu&, std::uint32_t msr, std::uint64_t& value) const {
    switch (static_cast<Msr>(msr)) {
        case Msr::FsBase:
        case Msr::GsBase:
        case Msr::KernelGsBase:
        case Msr::Pat: value = x86::read_msr(static_cast<Msr>(msr)); return true;
        case Msr::Efer: value = x86::read_msr(Msr::Efer) & (kEferSce | kEferLme | kEferLma | kEferNxe); return true;
        default: return {};
    }
}

std::optional<bool> PvGuest::write_msr(Vcpu&, std::uint32_t msr, std::uint64_t value) const {
    switch (static_cast<Msr>(msr)) {
        case Msr::FsBase:
        case Msr::GsBase:
        case Msr::KernelGsBase:
            if (!canonical(value)) return false;
            x86::write_msr(static_cast<Msr>(msr), value);
            return true;
        default: return {};
    }
}

GuestFilter PvGuest::leak_filter() const {
    return kPvFilter;
}

}  // namespace hv::x86
