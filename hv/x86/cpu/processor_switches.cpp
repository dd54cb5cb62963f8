#include "hv/x86/cpu/processor_switches.hpp"

#include "hv/base/log.hpp"
#include "hv/x86/boot/command_line.hpp"
#include "hv/x86/cpu/leaks.hpp"
#include "hv/x86/cpu/per_cpu.hpp"
#include "hv/x86/cpu/registers.hpp"
#include "hv/x86/cpu/spec_ctrl.hpp"
#include "hv/x86/cpu/this_processor.hpp"
#include "hv/x86/cpu/try_msr.hpp"
#include "hv/x86/leaks/lfence.hpp"

namespace hv::x86 {
namespace {

// What the microcode does by itself, unless the firmware has turned it off.
struct Off {
    Measure measure;
    std::uint64_t bits;
};
constexpr Off kOff[] = {{Measure::SrbLock, kSrbLockOff}, {Measure::GdsMicrocode, kGdsOff}};

struct Bits {
    Measure measure;
    Msr msr;
    std::uint64_t bits;
};
constexpr Bits kBits[] = {
    {Measure::AutomaticIbrs, Msr::Efer, kEferAutoIbrs},
    {Measure::ZenbleedSwitch, Msr::AmdDecodeConfiguration2, 1u << 9},
    {Measure::FpDividerSwitch, Msr::AmdFloatConfiguration, 1u << 9},
    {Measure::NonBranchSwitch, Msr::AmdNonBranches, 1u << 1},
    {Measure::TsxOff, Msr::TsxControl, kTsxDisabled | kTsxHidden},
};

// False: there is no such register, or it does not take them. Not every hypervisor below hv says that it is one.
bool set_bits(Msr msr, std::uint64_t bits) {
    const auto number = static_cast<std::uint32_t>(msr);
    const auto old = try_read_msr(number);
    return old && ((*old & bits) == bits || try_write_msr(number, *old | bits));
}

void clear_bits(Msr msr, std::uint64_t bits) {
    const auto number = static_cast<std::uint32_t>(msr);
    const auto old = try_read_msr(number);
    if (old && (*old & bits)) (void)try_write_msr(number, *old & ~bits);
}

}  // namespace

void set_processor_switches() {
    // Whatever is at work: hv's own barriers are LFENCEs.
    const Identification id = identify(ThisProcessor{});
    if (const std::uint64_t bit = lfence_waits_bit(id)) (void)set_bits(Msr::AmdDecodeConfiguration2, bit);
    for (const Bits& each : kBits)
        if (at_work(each.measure) && !set_bits(each.msr, each.bits))
            warn("CPU {}: the processor refuses what is against its leaks: {}", per_cpu().id, name_of(each.measure));
    // With spec-ctrl=no what the firmware has turned off stays so.
    const bool may_turn_on = boot_options().leaks.rest.value_or(true) && !id.has(CpuidBit::Hypervisor);
    for (const Off& each : kOff)
        if (may_turn_on && at_work(each.measure)) clear_bits(Msr::MicrocodeOptions, each.bits);
    if (!spec_ctrl_switched()) return;
    write_msr(Msr::SpecCtrl, hv_spec_ctrl);
    per_cpu().has_spec_ctrl = true;
    per_cpu().guest_spec_ctrl = spec_ctrl_for_guest(0);
}

}  // namespace hv::x86
