#include "hv/x86/leaks/mitigations.hpp"

#include "hv/x86/leaks/decider.hpp"

namespace hv::x86 {

using enum Leak;

void Decider::want(Measure measure, Leaks against) {
    out_.wanted.add(measure);
    Leaks& reason = out_.against[static_cast<unsigned>(measure)];
    reason = reason | against;
}

bool Decider::choose(Measure measure, Choice choice, bool by_default, Leaks against) {
    if (!choice.value_or(by_default)) {
        if (by_default) out_.left_open = out_.left_open | against;
        return false;
    }
    want(measure, against);
    if (choice) out_.asked.add(measure);
    return true;
}

bool Decider::choose_able(Measure measure, Choice choice, bool able, bool by_default, Leaks against) {
    // An interpreter takes whatever is written to registers that it does not have: what is asked for can be tried
    // there.
    if (able || (id_.interpreted && choice.value_or(false))) return choose(measure, choice, by_default, against);
    if (choice.value_or(false)) out_.impossible.add(measure);
    return false;
}

bool Decider::choose_helpful(Measure measure, Choice choice, bool able, Leaks against) {
    if (!able && !against.empty()) out_.unhelped = out_.unhelped | against;
    return choose_able(measure, choice, able, !against.empty(), against);
}

void Decider::decide_siblings() {
    out_.leaks = leaks_of(id_);
    if (!id_.siblings) return;
    Leaks across = of_these({Mds, Taa, SiblingReturns, Divider, FpDivider});
    if (suffers(MdsOfStoresOnly)) across.remove(Mds);          // a sibling that runs has its own part of the buffer
    if (id_.can(ArchCapability::TsxCtrl)) across.remove(Taa);  // no transactions are left to abort
    if (id_.is_amd() && suffers(Retbleed) && !id_.has(CpuidBit::AmdStibp)) across.add(Retbleed);
    if (options_.siblings == Choice{true}) {
        out_.left_open = out_.left_open | across;
        return;
    }
    if (across.empty() && !options_.siblings) return;
    id_.siblings = false;
    const Leaks left = leaks_of(id_);
    want(Measure::SiblingsOff, across | (out_.leaks - left));
    if (options_.siblings) out_.asked.add(Measure::SiblingsOff);
    out_.leaks = left;
}

void Decider::decide_tables() {
    const Leaks meltdown = of_these({Meltdown}), l1tf = of_these({L1tf});
    choose(Measure::IsolateDomu, options_.isolate_domu, !meltdown.empty(), meltdown);
    choose(Measure::IsolateDom0, options_.isolate_dom0, !meltdown.empty(), meltdown);
    choose(Measure::SanitiseDomu, options_.l1tf_domu, !l1tf.empty(), l1tf);
    choose(Measure::SanitiseDom0, options_.l1tf_dom0, false, l1tf);  // Dom0 is trusted with the machine's memory anyway
}

Mitigations Decider::result() const {
    Mitigations result = out_;
    result.leaks = result.leaks | result.reason(Measure::SiblingsOff);
    return result;
}

Mitigations decide(const Identification& id, const LeakOptions& options) {
    Decider decider{id, options};
    decider.decide_siblings();
    decider.decide_tables();
    decider.decide_branches();
    decider.decide_entries();
    decider.decide_buffers();
    decider.decide_units();
    return decider.result();
}

std::string_view name_of(Measure measure) {
    static constexpr std::array<std::string_view, kMeasureCount> kNames = {
        "page-table isolation",
        "page-table isolation for Dom0",
        "harmless entries that are not present",
        "harmless entries that are not present for Dom0",
        "speculation barriers",
        "retpolines",
        "LFENCE before indirect branches",
        "IBRS",
        "enhanced IBRS",
        "automatic IBRS",
        "STIBP",
        "IBPB when a CPU changes vCPUs",
        "return stack filled after IBPB",
        "return stack filled on entry",
        "return stack filled on VM exit",
        "IBPB on entry",
        "IBPB on entry from Dom0",
        "IBPB on VM exit",
        "BP_SPEC_REDUCE",
        "BHI_DIS_S",
        "branch history cleared on entry",
        "long branch history cleared on entry",
        "branch history cleared on VM exit",
        "branches in upper halves of cache lines",
        "SPEC_CTRL for guests",
        "SPEC_CTRL for HVM guests",
        "VIRT_SPEC_CTRL for guests",
        "SSBD",
        "PSFD",
        "VERW on exit",
        "VERW on VM entry",
        "VERW on idle",
        "L1D flush on VM entry",
        "TSX off",
        "SRBDS lock by microcode",
        "GDS closed by microcode",
        "AVX off",
        "Zenbleed switch",
        "divider scrub",
        "FP divider switch",
        "no predictions for what is no branch",
        "SMT off",
    };
    return kNames[static_cast<unsigned>(measure)];
}

}  // namespace hv::x86
