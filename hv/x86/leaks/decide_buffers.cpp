// What stays behind in buffers and in units of a core.
#include "hv/x86/leaks/amd_microcode.hpp"
#include "hv/x86/leaks/decider.hpp"
#include "hv/x86/leaks/designs.hpp"

namespace hv::x86 {

using enum Leak;
using enum CpuidBit;
using enum ArchCapability;

// What VERW clears on this processor, of what it has to; what it should and does not, is unhelped.
Leaks Decider::verw_clears() {
    Leaks should = of_these({Mds, Rfds, Tsa});
    if (suffers(Taa) && !out_.wanted.has(Measure::TsxOff)) should.add(Taa);
    if (options_.unprivileged_mmio.value_or(false)) should = should | of_these({MmioStaleData});
    Leaks clears;
    if (id_.has(MdClear)) clears.add(Mds);
    if (id_.has(MdClear) && (!id_.can(MdsNo) || id_.can(TsxCtrl))) clears.add(Taa);
    if (id_.can(FbClear) || (id_.has(MdClear) && id_.has(L1dFlush) && !id_.can(MdsNo))) clears.add(MmioStaleData);
    if (id_.can(RfdsClear)) clears.add(Rfds);
    if (id_.has(VerwClear) || microcode_has_tsa_verw(id_)) clears.add(Tsa);
    out_.unhelped = out_.unhelped | (should - clears);
    return should & clears;
}

void Decider::decide_buffers() {
    if (suffers(Taa) && id_.can(TsxCtrl)) choose(Measure::TsxOff, options_.rest, true, {Taa});
    const Leaks cleared = verw_clears();
    choose(Measure::VerwOnExit, options_.verw.pv, !cleared.empty(), cleared);
    choose(Measure::VerwOnExitHvm, options_.verw.hvm, !cleared.empty(), cleared);
    // The idle sibling's part of the store buffer goes to the one that runs, and what TSA reads there with it.
    Leaks of_idle = of_these({MdsOfStoresOnly}) | (cleared & Leaks{Tsa});
    if (of_idle.has(MdsOfStoresOnly)) of_idle.add(Mds);
    if (out_.wanted.has(Measure::VerwOnExit) && !of_idle.empty() && id_.siblings) want(Measure::VerwOnIdle, of_idle);
    const bool flush = suffers(L1tf) && !id_.can(SkipL1dFlush);
    choose_able(Measure::L1dFlushHvm, options_.l1d_flush, id_.has(L1dFlush), flush, of_these({L1tf}));
}

void Decider::decide_units() {
    // What the firmware has turned off stays so with spec-ctrl=no (cpu/processor_switches.cpp).
    const bool may_turn_on = options_.rest.value_or(true);
    const bool locks = id_.has(SrbdsCtrl) && (may_turn_on || !id_.srb_lock_off);
    if (suffers(Srbds) && locks) want(Measure::SrbLock, {Srbds});
    if (suffers(Srbds) && id_.has(SrbdsCtrl) && !locks) out_.left_open.add(Srbds);
    if (suffers(Srbds) && !id_.has(SrbdsCtrl)) out_.unhelped.add(Srbds);
    const bool gds_closes = id_.can(GdsCtrl) && !id_.gds_stays_open() && (may_turn_on || !id_.gds_off);
    if (suffers(Gds) && gds_closes) want(Measure::GdsMicrocode, {Gds});
    if (suffers(Gds) && !gds_closes) choose(Measure::AvxOff, options_.rest, true, {Gds});
    choose(Measure::DividerScrub, options_.divider_scrub, suffers(Divider), of_these({Divider}));
    if (suffers(Zenbleed)) choose(Measure::ZenbleedSwitch, options_.rest, true, {Zenbleed});
    if (suffers(Retbleed) && design_of(id_.vendor, id_.signature) == Design::Zen2 && !id_.has(Hypervisor))
        choose(Measure::NonBranchSwitch, options_.rest, true, {Retbleed});
    if (suffers(FpDivider)) choose(Measure::FpDividerSwitch, options_.rest, true, {FpDivider});
}

}  // namespace hv::x86
