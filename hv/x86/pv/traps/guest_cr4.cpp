#include "hv/x86/pv/traps/guest_cr4.hpp"

#include "hv/domain/domain.hpp"
#include "hv/x86/cpu/cpuid.hpp"
#include "hv/x86/cpu/per_cpu.hpp"
#include "hv/x86/cpu/registers.hpp"
#include "hv/x86/pv/mmu/tlb.hpp"
#include "hv/x86/vcpu/arch_vcpu.hpp"

namespace hv::x86 {
namespace {

// TSD is loaded with the vCPU, DE decides what DR4 and DR5 are, a change of PGE flushes. PSE means nothing in long
// mode, and no machine check reaches a guest, whatever its MCE says.
constexpr std::uint64_t kGuestsChoice = kCr4Tsd | kCr4De | kCr4Pse | kCr4Mce | kCr4Pge;

std::uint64_t always_on() {
    return hv_cr4() & (kCr4Pae | kCr4Osfxsr | kCr4Osxmmexcpt | kCr4Osxsave);
}

}  // namespace

bool guest_may_have_cr4(std::uint64_t value) {
    return (value & ~kGuestsChoice) == always_on();
}

std::uint64_t initial_guest_cr4(std::uint64_t wanted) {
    return wanted | always_on();
}

bool set_guest_cr4(Vcpu& vcpu, std::uint64_t value) {
    ArchVcpu& arch = *vcpu.arch;
    if (!guest_may_have_cr4(value)) return false;
    if ((arch.cr4 ^ value) & kCr4Pge) flush_local();
    arch.cr4 = value;
    load_time_stamp_disable(vcpu);
    return true;
}

void load_time_stamp_disable(const Vcpu& vcpu) {
    PerCpu& cpu = per_cpu();
    const bool wanted = vcpu.arch->cr4 & kCr4Tsd;
    if (wanted == cpu.time_stamps_disabled) return;
    cpu.time_stamps_disabled = wanted;
    write_cr4(wanted ? read_cr4() | kCr4Tsd : read_cr4() & ~std::uint64_t{kCr4Tsd});
}

}  // namespace hv::x86
