// What steers hv's own branches and returns, and one guest's another's.
#include "hv/x86/leaks/decider.hpp"
#include "hv/x86/leaks/designs.hpp"
#include "hv/x86/leaks/virtual_ssbd.hpp"

namespace hv::x86 {

using enum Leak;
using enum CpuidBit;
using enum ArchCapability;

// Indirect branches: what the processor does by itself, or retpolines, or IBRS where returns are no better than
// branches.
void Decider::decide_restriction() {
    const Leaks branches = of_these({SpectreV2});
    const bool able = id_.has(IbrsIbpb) || id_.has(AmdIbrs);
    const bool enhanced = able && id_.can(IbrsAll);  // a hypervisor below hv may show the one without the other
    const bool all_the_time = id_.has(AutoIbrs) || enhanced;
    const bool intel_returns = !id_.is_amd() && suffers(Retbleed);
    const Measure restriction = id_.has(AutoIbrs) ? Measure::AutomaticIbrs
                                : enhanced        ? Measure::EnhancedIbrs
                                                  : Measure::Ibrs;
    const Leaks against = intel_returns ? branches | Leaks{Retbleed} : branches;
    const bool suits = !branches.empty() && (all_the_time || intel_returns);
    const bool restricted = choose_able(restriction, options_.ibrs, able || all_the_time, suits, against);
    if (intel_returns && !able && !all_the_time) out_.unhelped.add(Retbleed);
    if (restricted && !options_.thunk) return;
    const Thunk thunk = options_.thunk.value_or(branches.empty() ? Thunk::Jump : Thunk::Retpoline);
    if (thunk != Thunk::Jump) {
        const Measure measure = thunk == Thunk::Lfence ? Measure::LfenceThunk : Measure::Retpoline;
        want(measure, branches);
        if (options_.thunk) out_.asked.add(measure);
        out_.left_open = out_.left_open - branches;
    } else if (!restricted) {
        out_.left_open = out_.left_open | branches;
    }
}

// One guest after another on a CPU, and beside it.
void Decider::decide_switches() {
    const bool barrier = id_.has(IbrsIbpb) || id_.has(AmdIbpb);
    if (choose_helpful(Measure::IbpbOnSwitch, options_.ibpb, barrier, of_these({SpectreV2, Vmscape})) &&
        suffers(BarrierLeavesReturns))
        choose(Measure::FillOnSwitch, options_.return_stack.pv, true, {BarrierLeavesReturns});
    const bool able = id_.has(Stibp) || id_.has(AmdStibp);
    const bool useful = id_.siblings && (id_.has(AmdStibpAlways) || (id_.is_amd() && suffers(Retbleed)) ||
                                         out_.wanted.has(Measure::Ibrs));
    choose_able(Measure::Stibp, options_.stibp, able, useful, of_these({SpectreV2, Retbleed}));
}

namespace {

// Does this processor need the long sequence? By Intel's guidance on branch history injection the short one is not
// enough for Alder Lake and what came after it. Yes also below another hypervisor, which may show another processor
// than there is, and for a processor that is in no list.
bool has_long_history(const Identification& id) {
    if (id.vendor != Vendor::Intel) return false;
    if (id.has(BhiCtrl) || id.has(Hypervisor)) return true;
    switch (design_of(id.vendor, id.signature)) {
        case Design::Unknown:
        case Design::AlderLake:
        case Design::SapphireRapids:
        case Design::Crestmont: return true;
        default: return false;
    }
}

}  // namespace

void Decider::decide_history() {
    const Leaks bhi = of_these({Bhi});
    if (!choose_able(Measure::BhiHardware, options_.history_hardware, id_.has(BhiCtrl), !bhi.empty(), bhi)) {
        out_.left_open = out_.left_open - bhi;  // the sequence does as well
        choose(has_long_history(id_) ? Measure::BhiLongSequence : Measure::BhiSequence, options_.history_entry.pv,
               !bhi.empty(), bhi);
        choose(Measure::BhiSequenceHvm, options_.history_entry.hvm, !bhi.empty(), bhi);
    }
    choose(Measure::SafeThunks, options_.return_thunk, suffers(Its), of_these({Its}));
}

void Decider::decide_guest_controls() {
    const Leaks theirs = of_these({SpectreV2, StoreBypass});
    const bool able = id_.has(IbrsIbpb) || id_.has(Stibp) || id_.has(CpuidBit::Ssbd) || id_.has(AmdIbrs) ||
                      id_.has(AmdStibp) || id_.has(AmdSsbd);
    choose_helpful(Measure::SpecCtrl, options_.spec_ctrl.pv, able, theirs);
    const Leaks bypass = of_these({StoreBypass});
    const bool virtually = virtual_ssbd_bit(id_) != 0 && !id_.siblings;  // two threads have one LS_CFG
    if (virtually && choose(Measure::VirtualSsbd, options_.spec_ctrl.pv, !bypass.empty(), bypass))
        out_.unhelped = out_.unhelped - bypass;
    choose_able(Measure::SpecCtrlHvm, options_.spec_ctrl.hvm, able, !theirs.empty(), theirs);
    choose_able(Measure::Ssbd, options_.ssbd, id_.has(CpuidBit::Ssbd) || id_.has(AmdSsbd), false,
                of_these({StoreBypass}));
    choose_able(Measure::Psfd, options_.psfd, id_.has(CpuidBit::Psfd) || id_.has(AmdPsfd), false,
                of_these({StoreBypass}));
}

void Decider::decide_branches() {
    choose(Measure::Barriers, options_.branch_barriers, suffers(SpectreV1), of_these({SpectreV1}));
    decide_restriction();
    decide_switches();
    decide_history();
    decide_guest_controls();
}

}  // namespace hv::x86
