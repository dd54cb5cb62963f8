#include <gtest/gtest.h>

#include <string>

#include "hv/x86/leaks/mitigations.hpp"
#include "tests/unit/leaks/record.hpp"
#include "tests/unit/leaks/said.hpp"

namespace hv::x86 {
namespace {

Mitigations on(std::string_view processor, std::string_view text = "") {
    return decide(identify(record_of(processor)), said(text));
}

std::string names(Measures measures) {
    std::string text;
    measures.for_each([&](Measure measure) { text += std::string{name_of(measure)} + ", "; });
    return text;
}

constexpr Measures kBranches = {Measure::Retpoline, Measure::LfenceThunk, Measure::Ibrs, Measure::EnhancedIbrs,
                                Measure::AutomaticIbrs};

void expect_branches(std::string_view processor, std::string_view text, Measures expected) {
    EXPECT_EQ(names(on(processor, text).wanted & kBranches), names(expected)) << processor << " " << text;
}

TEST(Decide, PageTables) {
    const Mitigations old = on("Xeon E5-2650 v4");
    EXPECT_TRUE(old.wanted.has(Measure::IsolateDomu) && old.wanted.has(Measure::IsolateDom0));
    EXPECT_EQ(old.reason(Measure::IsolateDomu), Leaks{Leak::Meltdown});
    EXPECT_TRUE(old.wanted.has(Measure::SanitiseDomu));
    EXPECT_FALSE(old.wanted.has(Measure::SanitiseDom0));
    const Mitigations trusting = on("Xeon E5-2650 v4", "xpti=no-dom0 pv-l1tf=dom0");
    EXPECT_TRUE(trusting.wanted.has(Measure::IsolateDomu) && trusting.wanted.has(Measure::SanitiseDom0));
    EXPECT_FALSE(trusting.wanted.has(Measure::IsolateDom0));
    EXPECT_TRUE(trusting.left_open.has(Leak::Meltdown));
    for (const char* sound : {"Xeon Platinum 8268", "EPYC 7713", "Atom C3958"})
        EXPECT_TRUE((on(sound).wanted & Measures{Measure::IsolateDomu, Measure::SanitiseDomu}).empty()) << sound;
    const Mitigations forced = on("EPYC 7713", "xpti");
    EXPECT_TRUE(forced.wanted.has(Measure::IsolateDomu) && forced.asked.has(Measure::IsolateDomu));
    EXPECT_TRUE(forced.reason(Measure::IsolateDomu).empty());
}

// QEMU's TCG takes whatever is written to registers that it does not have: every measure can be tried there.
TEST(Decide, AnInterpreterDoesWhatItIsAskedFor) {
    Identification id;
    id.interpreted = true;
    EXPECT_TRUE(decide(id, {}).wanted.empty());
    const Mitigations asked = decide(id, said("spec-ctrl=ibrs,stibp,ssbd,psfd,ibpb,ibpb-entry xpti pv-l1tf"));
    const Measures expected = {Measure::Ibrs,
                               Measure::Stibp,
                               Measure::Ssbd,
                               Measure::Psfd,
                               Measure::IbpbOnSwitch,
                               Measure::IbpbOnEntryDomu,
                               Measure::IbpbOnEntryDom0,
                               Measure::IsolateDomu};
    EXPECT_EQ(names(expected - asked.wanted), "");
    EXPECT_TRUE(asked.impossible.empty());
    id.interpreted = false;
    EXPECT_TRUE(decide(id, said("spec-ctrl=ibrs")).impossible.has(Measure::Ibrs));
}

// A hypervisor below hv may announce the capability and not the register that it is about.
TEST(Decide, NoRegisterNoEnhancedIbrs) {
    Identification id = identify(record_of("Xeon Platinum 8268"));
    id.clear(CpuidBit::IbrsIbpb);
    EXPECT_EQ(names(decide(id, {}).wanted & kBranches), names({Measure::Retpoline}));
}

// The control interface gives them in one text.
TEST(Decide, NamesCanStandInAList) {
    for (unsigned i = 0; i < kMeasureCount; ++i)
        EXPECT_EQ(name_of(static_cast<Measure>(i)).find(", "), std::string_view::npos)
            << name_of(static_cast<Measure>(i));
    for (unsigned i = 0; i < kLeakCount; ++i)
        EXPECT_EQ(name_of(static_cast<Leak>(i)).find(", "), std::string_view::npos) << name_of(static_cast<Leak>(i));
}

TEST(Decide, IndirectBranches) {
    expect_branches("Xeon E5-2609 v3", "", {Measure::Retpoline});
    expect_branches("Xeon E3-1245 v5", "", {Measure::Retpoline});  // its microcode has no IBRS
    expect_branches("Xeon Platinum 8268", "", {Measure::EnhancedIbrs});
    expect_branches("Xeon Platinum 8570", "", {Measure::EnhancedIbrs});
    expect_branches("EPYC 7713", "", {Measure::Retpoline});
    expect_branches("EPYC 9124", "", {Measure::AutomaticIbrs});
    expect_branches("Zhaoxin", "", {});
    Record skylake = record_of("Xeon E3-1245 v5");
    skylake.rows.at(2).registers.edx = 0x9c00'0400;  // with the microcode of 2019
    const Mitigations updated = decide(identify(skylake), {});
    EXPECT_EQ(names(updated.wanted & kBranches), names({Measure::Ibrs}));
    EXPECT_EQ(updated.reason(Measure::Ibrs), (Leaks{Leak::SpectreV2, Leak::Retbleed}));
    EXPECT_TRUE(on("Xeon E3-1245 v5").unhelped.has(Leak::Retbleed));
}

TEST(Decide, IndirectBranchesAsAsked) {
    expect_branches("Xeon E5-2609 v3", "spec-ctrl=ibrs", {Measure::Ibrs});
    expect_branches("Xeon Platinum 8268", "spec-ctrl=no-ibrs", {Measure::Retpoline});
    expect_branches("Xeon Platinum 8268", "spec-ctrl=bti-thunk=retpoline", {Measure::Retpoline, Measure::EnhancedIbrs});
    expect_branches("EPYC 7713", "spec-ctrl=bti-thunk=lfence", {Measure::LfenceThunk});
    EXPECT_TRUE(on("EPYC 7713", "spec-ctrl=bti-thunk=jmp").left_open.has(Leak::SpectreV2));
    EXPECT_FALSE(on("EPYC 9124", "spec-ctrl=bti-thunk=jmp").left_open.has(Leak::SpectreV2));
    EXPECT_TRUE(on("Opteron 6168", "spec-ctrl=ibrs,ssbd,stibp").impossible.has(Measure::Ibrs));
}

TEST(Decide, BetweenDomains) {
    EXPECT_TRUE(on("Xeon Platinum 8268").wanted.has(Measure::IbpbOnSwitch));
    EXPECT_TRUE(on("EPYC 7713").wanted.has(Measure::FillOnSwitch));
    EXPECT_FALSE(on("EPYC 9124").wanted.has(Measure::FillOnSwitch));
    EXPECT_TRUE(on("Xeon Gold 6148").unhelped.has(Leak::SpectreV2));
    EXPECT_TRUE(on("EPYC 7713", "spec-ctrl=no-ibpb").left_open.has(Leak::Vmscape));
    EXPECT_TRUE(on("EPYC 7502", "smt").wanted.has(Measure::Stibp));
    EXPECT_FALSE(on("EPYC 7502").wanted.has(Measure::Stibp)) << "nobody is beside it";
}

TEST(Decide, BranchHistory) {
    EXPECT_TRUE(on("Xeon w7-2475X").wanted.has(Measure::BhiHardware));
    constexpr Measures kSequences = {Measure::BhiSequence, Measure::BhiLongSequence};
    EXPECT_TRUE((on("Xeon w7-2475X").wanted & kSequences).empty());
    EXPECT_EQ(on("Xeon w7-2475X", "spec-ctrl=no-bhi-dis-s").wanted & kSequences, Measures{Measure::BhiLongSequence});
    EXPECT_FALSE(on("Xeon w7-2475X", "spec-ctrl=no-bhi-dis-s").left_open.has(Leak::Bhi));
    EXPECT_EQ(on("Xeon Platinum 8268").wanted & kSequences, Measures{Measure::BhiSequence});
    EXPECT_EQ(on("Xeon, Ice Lake-SP", "spec-ctrl=bhb-entry").wanted & kSequences, Measures{Measure::BhiSequence});
    EXPECT_EQ(on("Core i9-12900K", "spec-ctrl=no-bhi-dis-s,bhb-entry").wanted & kSequences,
              Measures{Measure::BhiLongSequence});
    EXPECT_EQ(on("Xeon D-1718T", "spec-ctrl=no-bhi-dis-s,bhb-entry").wanted & kSequences,
              Measures{Measure::BhiLongSequence})
        << "under a hypervisor";
    EXPECT_EQ(on("EPYC 7713", "spec-ctrl=bhb-entry").wanted & kSequences, Measures{Measure::BhiSequence});
    EXPECT_TRUE(on("Xeon Platinum 8268", "spec-ctrl=bhb-entry=no-pv").left_open.has(Leak::Bhi));
    EXPECT_TRUE(on("Xeon Platinum 8268", "spec-ctrl=bhi-dis-s").impossible.has(Measure::BhiHardware));
    EXPECT_TRUE((on("EPYC 7713").wanted & Measures{Measure::BhiSequence, Measure::SafeThunks}).empty());
}

TEST(Decide, UpperHalvesOfCacheLines) {
    EXPECT_EQ(on("Xeon Platinum 8268").reason(Measure::SafeThunks), Leaks{Leak::Its});
    EXPECT_FALSE(on("Xeon w7-2475X").wanted.has(Measure::SafeThunks));
    for (const char* text : {"spec-ctrl=no-return-thunk", "spec-ctrl=no-xen", "spec-ctrl=no"}) {
        EXPECT_FALSE(on("Xeon Platinum 8268", text).wanted.has(Measure::SafeThunks)) << text;
        EXPECT_TRUE(on("Xeon Platinum 8268", text).left_open.has(Leak::Its)) << text;
    }
    const Mitigations forced = on("EPYC 7713", "spec-ctrl=return-thunk");
    EXPECT_TRUE(forced.wanted.has(Measure::SafeThunks) && forced.asked.has(Measure::SafeThunks));
    EXPECT_TRUE(forced.reason(Measure::SafeThunks).empty());
}

constexpr Measures kReturns = {Measure::IbpbOnEntryDomu, Measure::IbpbOnEntryDom0};

// Zen 3 or 4 with the microcode of 2023: it takes SBPB.
Mitigations with_new_microcode(std::string_view name) {
    Record record = record_of(name);
    record.takes_sbpb = true;
    return decide(identify(record), {});
}

TEST(Decide, ReturnsOfAmd) {
    EXPECT_EQ(names(on("EPYC 7502").wanted & kReturns), names({Measure::IbpbOnEntryDomu}));
    EXPECT_EQ(on("EPYC 7502", "smt").reason(Measure::IbpbOnEntryDomu), (Leaks{Leak::Retbleed, Leak::Srso}));
    EXPECT_EQ(on("EPYC 7502").reason(Measure::IbpbOnEntryDomu), Leaks{Leak::Retbleed}) << "siblings are off";
    EXPECT_EQ(names(on("EPYC 7502", "spec-ctrl=ibpb-entry").wanted & kReturns),
              names({Measure::IbpbOnEntryDomu, Measure::IbpbOnEntryDom0}));
    const Mitigations refused = on("EPYC 7502", "spec-ctrl=ibpb-entry=no-pv");
    EXPECT_TRUE((refused.wanted & kReturns).empty());
    EXPECT_TRUE(refused.left_open.has(Leak::Retbleed));
    EXPECT_TRUE((on("EPYC 7601").wanted & kReturns).empty());  // no IBPB in its microcode
    EXPECT_TRUE(on("EPYC 7601").unhelped.has(Leak::Retbleed));
    for (const char* name : {"EPYC 7713", "EPYC 9124"}) {
        EXPECT_TRUE((on(name).wanted & kReturns).empty()) << name;
        EXPECT_TRUE(on(name).unhelped.has(Leak::Srso)) << name;
        EXPECT_TRUE(on(name, "spec-ctrl=ibpb-entry").impossible.has(Measure::IbpbOnEntryDomu)) << name;
        EXPECT_EQ(names(with_new_microcode(name).wanted & kReturns), names({Measure::IbpbOnEntryDomu})) << name;
        EXPECT_FALSE(with_new_microcode(name).unhelped.has(Leak::Srso)) << name;
    }
    EXPECT_TRUE(on("EPYC 7502").wanted.has(Measure::NonBranchSwitch));
    EXPECT_FALSE(on("EPYC 7601").wanted.has(Measure::NonBranchSwitch));
    EXPECT_TRUE((on("EPYC 9655").wanted & kReturns).empty()) << "it does not cross from guests to hv";
    EXPECT_TRUE(on("EPYC 9655").wanted.has(Measure::ReducedSpeculation));
    EXPECT_TRUE((on("Xeon Gold 6148").wanted & kReturns).empty());
}

TEST(Decide, ReturnStack) {
    EXPECT_TRUE(on("Xeon W3520").wanted.has(Measure::FillReturns));
    EXPECT_FALSE(on("Xeon E5-2650 v4").wanted.has(Measure::FillReturns)) << "SMEP";
    EXPECT_TRUE(on("Xeon E5-2650 v4", "spec-ctrl=rsb").asked.has(Measure::FillReturns));
    EXPECT_TRUE(on("Xeon W3520", "spec-ctrl=no-rsb").left_open.has(Leak::SpectreV2));
}

TEST(Decide, Buffers) {
    EXPECT_EQ(on("Atom P5362").reason(Measure::VerwOnExit), Leaks{});
    EXPECT_TRUE(on("Atom P5362").unhelped.has(Leak::Rfds));
    EXPECT_TRUE(on("Xeon Gold 6148").unhelped.has(Leak::Mds));
    Record skylake = record_of("Xeon Gold 6148");
    skylake.rows.at(2).registers.edx = 0x9c00'0400;
    const Mitigations updated = decide(identify(skylake), {});
    EXPECT_TRUE(updated.reason(Measure::VerwOnExit).has(Leak::Mds) &&
                updated.reason(Measure::VerwOnExit).has(Leak::Taa));
    EXPECT_FALSE(updated.reason(Measure::VerwOnExit).has(Leak::MmioStaleData)) << "no guest has devices";
    EXPECT_TRUE(
        decide(identify(skylake), said("spec-ctrl=unpriv-mmio")).reason(Measure::VerwOnExit).has(Leak::MmioStaleData));
    EXPECT_TRUE(decide(identify(skylake), said("spec-ctrl=no-verw")).left_open.has(Leak::Mds));
    EXPECT_TRUE(on("Xeon Platinum 9242").wanted.has(Measure::TsxOff));
    EXPECT_FALSE(on("Xeon Platinum 9242").wanted.has(Measure::VerwOnExit));
    Record milan = record_of("EPYC 7713");
    EXPECT_TRUE(decide(identify(milan), {}).unhelped.has(Leak::Tsa));
    milan.microcode = 0x0a00'11d7;
    EXPECT_EQ(decide(identify(milan), {}).reason(Measure::VerwOnExit), Leaks{Leak::Tsa});
    EXPECT_EQ(decide(identify(milan), {}).reason(Measure::VerwOnIdle), Leaks{Leak::Tsa}) << "its siblings share it";
    EXPECT_FALSE(decide(identify(milan), said("smt=off")).wanted.has(Measure::VerwOnIdle));
    milan.microcode = 0x0a00'11d6;
    EXPECT_TRUE(decide(identify(milan), {}).unhelped.has(Leak::Tsa));
}

TEST(Decide, Units) {
    EXPECT_TRUE(on("Xeon Platinum 8268").wanted.has(Measure::AvxOff));
    Record icelake = record_of("Xeon, Ice Lake-SP");
    icelake.arch_capabilities |= std::uint64_t{1} << 25;
    EXPECT_EQ(names(decide(identify(icelake), {}).wanted & Measures{Measure::AvxOff, Measure::GdsMicrocode}),
              names({Measure::GdsMicrocode}));
    icelake.microcode_control = kGdsOff;
    EXPECT_TRUE(decide(identify(icelake), {}).wanted.has(Measure::GdsMicrocode)) << "it can be turned on";
    EXPECT_FALSE(decide(identify(icelake), said("spec-ctrl=no")).wanted.has(Measure::GdsMicrocode));
    EXPECT_TRUE(decide(identify(icelake), said("spec-ctrl=no")).left_open.has(Leak::Gds));
    icelake.microcode_control = kGdsOff | kGdsOffLocked;
    EXPECT_TRUE(decide(identify(icelake), {}).wanted.has(Measure::AvxOff));
    EXPECT_TRUE(on("EPYC 7502").wanted.has(Measure::ZenbleedSwitch));
    EXPECT_TRUE(on("EPYC 7601").wanted.has(Measure::DividerScrub) &&
                on("EPYC 7601").wanted.has(Measure::FpDividerSwitch));
    EXPECT_TRUE(on("EPYC 7601", "spec-ctrl=no-div-scrub").left_open.has(Leak::Divider));
    EXPECT_TRUE(on("Xeon E3-1245 v5").unhelped.has(Leak::Srbds));
}

bool parks(const Mitigations& mitigations) {
    return mitigations.wanted.has(Measure::SiblingsOff);
}

TEST(Decide, Siblings) {
    const Mitigations skylake = on("Xeon Gold 6148");
    EXPECT_TRUE(parks(skylake) && !skylake.asked.has(Measure::SiblingsOff));
    EXPECT_EQ(skylake.reason(Measure::SiblingsOff), (Leaks{Leak::Mds, Leak::Taa}));
    EXPECT_TRUE(skylake.leaks.has(Leak::Mds)) << "what one thread does alone";
    EXPECT_FALSE(parks(on("Xeon Platinum 8570")) || parks(on("EPYC 9124")));
    EXPECT_FALSE(parks(on("Xeon E5-2609 v3")) || parks(on("Xeon E5-2609 v3", "smt=off")))
        << "its cores have one thread";
    const Mitigations rome = on("EPYC 7502");
    EXPECT_EQ(rome.reason(Measure::SiblingsOff), (Leaks{Leak::Srso, Leak::SiblingReturns}));
    EXPECT_FALSE(rome.reason(Measure::IbpbOnEntryDomu).has(Leak::Srso));
    EXPECT_TRUE(on("EPYC 7601").reason(Measure::SiblingsOff).has(Leak::Retbleed)) << "no STIBP";
    const Mitigations off = on("EPYC 9124", "smt=off");
    EXPECT_TRUE(parks(off) && off.asked.has(Measure::SiblingsOff));
    EXPECT_TRUE(off.reason(Measure::SiblingsOff).empty());
    const Mitigations kept = on("Xeon Gold 6148", "smt");
    EXPECT_FALSE(parks(kept));
    EXPECT_TRUE(kept.left_open.has(Leak::Mds));
    EXPECT_TRUE(on("EPYC 7502", "smt").reason(Measure::IbpbOnEntryDomu).has(Leak::Srso));
}

TEST(Decide, Guests) {
    EXPECT_TRUE(on("EPYC 7713").wanted.has(Measure::SpecCtrl));
    EXPECT_FALSE(on("EPYC 7713", "spec-ctrl=msr-sc=no-pv").wanted.has(Measure::SpecCtrl));
    EXPECT_FALSE(on("EPYC 7713").wanted.has(Measure::Ssbd)) << "guests' own choice";
    EXPECT_TRUE(on("EPYC 7713", "spec-ctrl=ssbd,psfd").asked.has(Measure::Ssbd));
    EXPECT_TRUE(on("EPYC 7713").wanted.has(Measure::Barriers));
    EXPECT_TRUE(on("EPYC 7713", "spec-ctrl=no-branch-harden").left_open.has(Leak::SpectreV1));
}

// After spec-ctrl=no nothing is wanted but what microcode does by itself, and every leak that was closed is open.
TEST(Decide, AllOff) {
    for (const auto& records : {intel_servers(), intel_others(), amd_processors(), other_processors()})
        for (const Record& record : records) {
            const Mitigations with = decide(identify(record), {}), off = decide(identify(record), said("spec-ctrl=no"));
            EXPECT_EQ(names(off.wanted - Measures{Measure::SrbLock, Measure::GdsMicrocode}), "") << record.name;
            Leaks closed;
            (with.wanted - kHvmMeasures).for_each([&](Measure measure) {
                if (measure != Measure::SrbLock && measure != Measure::GdsMicrocode)
                    closed = closed | with.reason(measure);
            });
            closed.remove(Leak::BarrierLeavesReturns);  // without a barrier there is nothing that it could leave
            EXPECT_TRUE((closed - off.left_open - off.unhelped).empty()) << record.name;
        }
}

// Each leak of each processor is answered somehow, but for what hv's guests cannot reach.
TEST(Decide, NoLeakIsForgotten) {
    const Leaks out_of_reach = {Leak::PostBarrierReturns, Leak::MmioStaleData, Leak::BarrierLeavesReturns};
    for (const auto& records : {intel_servers(), intel_others(), amd_processors(), other_processors()})
        for (const Record& record : records) {
            const Mitigations mitigations = decide(identify(record), {});
            Leaks answered = mitigations.unhelped | out_of_reach;
            mitigations.wanted.for_each([&](Measure measure) { answered = answered | mitigations.reason(measure); });
            if (answered.has(Leak::Mds)) answered.add(Leak::MdsOfStoresOnly);
            (mitigations.leaks - answered).for_each([&](Leak leak) {
                ADD_FAILURE() << record.name << ": " << name_of(leak);
            });
        }
}

}  // namespace
}  // namespace hv::x86
