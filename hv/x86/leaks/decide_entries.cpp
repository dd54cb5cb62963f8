// What is done on the way into hv, for the returns that it will make.
#include "hv/x86/leaks/decider.hpp"

namespace hv::x86 {

using enum Leak;
using enum CpuidBit;

// AMD's: branches of one type trained as another, and a return stack that overflows. IBPB on entry empties both, where
// it forgets the types of branches.
void Decider::decide_returns() {
    Leaks against = id_.is_amd() ? of_these({Retbleed}) : Leaks{};
    const Leaks overflow = of_these({Srso});
    const bool confusion = !against.empty();
    const bool crosses = !overflow.empty() && !id_.has(SrsoUserKernelNo);  // from guests to hv
    if (crosses) against = against | overflow;
    const bool able = id_.has(AmdIbpb) && (confusion || id_.has(IbpbBranchTypes));
    const GuestChoice& choice = options_.ibpb_entry;
    if (!able) out_.unhelped = out_.unhelped | against;
    if (choose_able(Measure::IbpbOnEntryDomu, choice.pv, able, !against.empty(), against) && choice.pv) {
        want(Measure::IbpbOnEntryDom0, against);
        out_.asked.add(Measure::IbpbOnEntryDom0);
    }
    const bool reduced = choose_able(Measure::ReducedSpeculation, options_.reduced_speculation, id_.has(SrsoMsrFix),
                                     !overflow.empty(), overflow);
    const Leaks of_guests = reduced ? of_these({Retbleed}) : of_these({Retbleed, Srso});
    choose_able(Measure::IbpbOnEntryHvm, choice.hvm, able, id_.is_amd() && !of_guests.empty(), of_guests);
}

void Decider::decide_entries() {
    // A guest's return addresses are of pages that SMEP keeps hv from executing, even ahead of time.
    const bool poisoned = suffers(SpectreV2) && !id_.has(Smep);
    choose(Measure::FillReturns, options_.return_stack.pv, poisoned, of_these({SpectreV2}));
    choose(Measure::FillReturnsHvm, options_.return_stack.hvm,
           suffers(PostBarrierReturns) || (suffers(SpectreV2) && !out_.wanted.has(Measure::EnhancedIbrs)),
           of_these({SpectreV2, PostBarrierReturns}));
    decide_returns();
}

}  // namespace hv::x86
