#include "hv/x86/leaks/options.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace hv::x86 {
namespace {

struct Complaint {
    std::string word, why;
};
std::vector<Complaint> complaints;

LeakOptions parse(std::string_view text) {
    complaints.clear();
    LeakOptions options;
    while (!text.empty()) {
        std::string_view value = take_until(text, ' ');
        const std::string_view name = take_until(value, '=');
        EXPECT_TRUE(apply_leak_option(options, name, value, [](std::string_view word, std::string_view why) {
            complaints.push_back({std::string{word}, std::string{why}});
        })) << name;
    }
    return options;
}

LeakOptions parse_well(std::string_view text) {
    const LeakOptions options = parse(text);
    for (const Complaint& complaint : complaints)
        ADD_FAILURE() << text << ": " << complaint.word << ": " << complaint.why;
    return options;
}

TEST(LeakOptions, NothingIsSaid) {
    const LeakOptions options;
    EXPECT_FALSE(options.ibrs || options.siblings || options.isolate_dom0 || options.thunk || options.verw.pv);
    LeakOptions untouched;
    EXPECT_FALSE(apply_leak_option(untouched, "maxcpus", "3", nullptr));
}

TEST(LeakOptions, Switches) {
    struct Word {
        const char* name;
        Choice LeakOptions::*choice;
    };
    for (const Word& word :
         {Word{"ibrs", &LeakOptions::ibrs}, Word{"stibp", &LeakOptions::stibp}, Word{"ibpb", &LeakOptions::ibpb},
          Word{"ssbd", &LeakOptions::ssbd}, Word{"psfd", &LeakOptions::psfd},
          Word{"l1d-flush", &LeakOptions::l1d_flush}, Word{"branch-harden", &LeakOptions::branch_barriers},
          Word{"unpriv-mmio", &LeakOptions::unprivileged_mmio}, Word{"div-scrub", &LeakOptions::divider_scrub},
          Word{"bhi-dis-s", &LeakOptions::history_hardware}, Word{"bp-spec-reduce", &LeakOptions::reduced_speculation},
          Word{"return-thunk", &LeakOptions::return_thunk}}) {
        const std::string name = word.name;
        EXPECT_EQ(parse_well("spec-ctrl=" + name).*word.choice, Choice{true}) << name;
        EXPECT_EQ(parse_well("spec-ctrl=" + name + "=1").*word.choice, Choice{true}) << name;
        EXPECT_EQ(parse_well("spec-ctrl=no-" + name).*word.choice, Choice{false}) << name;
        EXPECT_EQ(parse_well("spec-ctrl=" + name + "=off").*word.choice, Choice{false}) << name;
        for (const char* bad : {"=", "=2", "=maybe", "=pv"}) {
            EXPECT_EQ(parse("spec-ctrl=" + name + bad).*word.choice, Choice{}) << name << bad;
            ASSERT_EQ(complaints.size(), 1u) << name << bad;
            EXPECT_EQ(complaints[0].word, name + bad);
            EXPECT_EQ(complaints[0].why, "spec-ctrl: malformed value");
        }
    }
}

TEST(LeakOptions, WordsForKindsOfGuests) {
    struct Word {
        const char* name;
        GuestChoice LeakOptions::*choice;
    };
    for (const Word& word :
         {Word{"msr-sc", &LeakOptions::spec_ctrl}, Word{"rsb", &LeakOptions::return_stack},
          Word{"verw", &LeakOptions::verw}, Word{"md-clear", &LeakOptions::verw},
          Word{"ibpb-entry", &LeakOptions::ibpb_entry}, Word{"bhb-entry", &LeakOptions::history_entry}}) {
        const std::string name = word.name;
        GuestChoice choice = parse_well("spec-ctrl=" + name).*word.choice;
        EXPECT_TRUE(choice.pv == Choice{true} && choice.hvm == Choice{true}) << name;
        choice = parse_well("spec-ctrl=no-" + name).*word.choice;
        EXPECT_TRUE(choice.pv == Choice{false} && choice.hvm == Choice{false}) << name;
        choice = parse_well("spec-ctrl=" + name + "=no-hvm").*word.choice;
        EXPECT_TRUE(!choice.pv && choice.hvm == Choice{false}) << name;
        choice = parse_well("spec-ctrl=" + name + "=pv," + name + "=hvm=no").*word.choice;
        EXPECT_TRUE(choice.pv == Choice{true} && choice.hvm == Choice{false}) << name;
        for (const char* bad : {"=", "=pvh", "=pv=2", "=no-xen"}) {
            parse("spec-ctrl=" + name + bad);
            ASSERT_EQ(complaints.size(), 1u) << name << bad;
            EXPECT_EQ(complaints[0].word, name + bad);
        }
    }
    const LeakOptions options = parse_well("spec-ctrl=no-pv,hvm,ibpb-entry=pv");
    EXPECT_EQ(options.spec_ctrl.pv, Choice{false});
    EXPECT_EQ(options.verw.pv, Choice{false});
    EXPECT_EQ(options.return_stack.hvm, Choice{true});
    EXPECT_EQ(options.ibpb_entry.pv, Choice{true});
}

TEST(LeakOptions, Thunks) {
    EXPECT_EQ(parse_well("spec-ctrl=bti-thunk=retpoline").thunk, Thunk::Retpoline);
    EXPECT_EQ(parse_well("spec-ctrl=bti-thunk=lfence").thunk, Thunk::Lfence);
    EXPECT_EQ(parse_well("spec-ctrl=bti-thunk=retpoline,bti-thunk=jmp").thunk, Thunk::Jump);
    for (const char* bad : {"bti-thunk", "no-bti-thunk", "bti-thunk=", "bti-thunk=call"}) {
        EXPECT_FALSE(parse(std::string{"spec-ctrl="} + bad).thunk) << bad;
        ASSERT_EQ(complaints.size(), 1u) << bad;
        EXPECT_EQ(complaints[0].word, bad);
    }
}

// Xen: all off, with what xpti=, pv-l1tf= and smt= control, unless they have been given before.
TEST(LeakOptions, AllOff) {
    LeakOptions options = parse_well("xpti=dom0 smt=off spec-ctrl=no");
    EXPECT_EQ(options.isolate_dom0, Choice{true});
    EXPECT_EQ(options.isolate_domu, Choice{false});
    EXPECT_EQ(options.l1tf_domu, Choice{false});
    EXPECT_EQ(options.siblings, Choice{false});
    EXPECT_EQ(options.spec_ctrl.pv, Choice{false});
    EXPECT_EQ(options.ibpb, Choice{false});
    EXPECT_EQ(options.thunk, Thunk::Jump);
    EXPECT_EQ(options.rest, Choice{false});
    options = parse_well("spec-ctrl=off smt=off");
    EXPECT_EQ(options.siblings, Choice{false});
    EXPECT_EQ(parse_well("spec-ctrl=0").siblings, Choice{true});
}

TEST(LeakOptions, HvOff) {
    for (const char* text : {"spec-ctrl=no-xen", "spec-ctrl=xen=no"}) {
        const LeakOptions options = parse_well(text);
        EXPECT_EQ(options.ibrs, Choice{false});
        EXPECT_EQ(options.verw.pv, Choice{false});
        EXPECT_FALSE(options.spec_ctrl.pv) << "guests keep theirs";
        EXPECT_FALSE(options.isolate_domu || options.siblings || options.l1tf_domu);
    }
}

// The later word wins, as in Xen: to turn all off and one thing on is no contradiction.
TEST(LeakOptions, LaterWordsWin) {
    EXPECT_EQ(parse_well("spec-ctrl=no,ibrs").ibrs, Choice{true});
    EXPECT_EQ(parse_well("spec-ctrl=ibrs,no").ibrs, Choice{false});
    EXPECT_EQ(parse_well("spec-ctrl=ibrs spec-ctrl=no-ibrs").ibrs, Choice{false});
    EXPECT_EQ(parse_well("spec-ctrl=verw=no-pv,pv").verw.pv, Choice{true});
    EXPECT_EQ(parse_well("xpti=no,dom0").isolate_dom0, Choice{true});
    EXPECT_EQ(parse_well("xpti=dom0,no").isolate_dom0, Choice{false});
}

void expect_refused(std::string_view text, std::string_view word, std::string_view why) {
    const LeakOptions options = parse(text);
    ASSERT_EQ(complaints.size(), 1u) << text;
    EXPECT_EQ(complaints[0].word, word);
    EXPECT_EQ(complaints[0].why, why) << text;
    EXPECT_FALSE(options.siblings || options.isolate_dom0 || options.spec_ctrl.pv) << text;
}

TEST(LeakOptions, WhatCannotBeHonouredIsRefused) {
    for (const char* word : {"yes", "1", "on", "enable"})
        expect_refused(std::string{"spec-ctrl="} + word, word, "spec-ctrl: there is no such thing as all mitigations");
    expect_refused("spec-ctrl=xen", "xen", "spec-ctrl: this can only be turned off");
    expect_refused("spec-ctrl=no-eager-fpu", "no-eager-fpu",
                   "spec-ctrl: hv never keeps one guest's FPU state while another runs");
    expect_refused("spec-ctrl=gds-mit=0", "gds-mit=0",
                   "spec-ctrl: the microcode does this, and hv only sees to it that it may");
    expect_refused("spec-ctrl=no-srb-lock", "no-srb-lock",
                   "spec-ctrl: the microcode does this, and hv only sees to it that it may");
    expect_refused("spec-ctrl=lock-harden", "lock-harden", "spec-ctrl: hv has no barriers in its locks");
    parse_well("spec-ctrl=eager-fpu,gds-mit,srb-lock=yes,no-lock-harden");
}

TEST(LeakOptions, UnknownWordsAreNamed) {
    expect_refused("spec-ctrl=retpoline", "retpoline", "spec-ctrl: unknown word");
    expect_refused("spec-ctrl=no-mds", "no-mds", "spec-ctrl: unknown word");
    expect_refused("spec-ctrl", "", "spec-ctrl: a word is missing");
    expect_refused("spec-ctrl=xen=maybe", "xen=maybe", "spec-ctrl: malformed value");
    expect_refused("spec-ctrl=pv=maybe", "pv=maybe", "spec-ctrl: malformed value");
    expect_refused("xpti=domx", "domx", "xpti: unknown word");
    expect_refused("xpti=dom0=maybe", "dom0=maybe", "xpti: malformed value");
    expect_refused("pv-l1tf=default", "default", "pv-l1tf: unknown word");
    expect_refused("pv-l1tf=domu=", "domu=", "pv-l1tf: malformed value");
    expect_refused("smt=force", "force", "smt: malformed value");
    const LeakOptions options = parse("spec-ctrl=ibrs,ibsr,no-ibpb,,ssbd=x");
    EXPECT_EQ(options.ibrs, Choice{true}) << "the words that are right count";
    EXPECT_EQ(options.ibpb, Choice{false});
    ASSERT_EQ(complaints.size(), 3u);
    EXPECT_EQ(complaints[0].word, "ibsr");
    EXPECT_EQ(complaints[2].word, "ssbd=x");
}

TEST(LeakOptions, ByDomain) {
    LeakOptions options = parse_well("xpti pv-l1tf=no");
    EXPECT_TRUE(options.isolate_dom0 == Choice{true} && options.isolate_domu == Choice{true});
    EXPECT_TRUE(options.l1tf_dom0 == Choice{false} && options.l1tf_domu == Choice{false});
    options = parse_well("xpti=no-dom0 pv-l1tf=dom0,domu=no");
    EXPECT_EQ(options.isolate_dom0, Choice{false});
    EXPECT_FALSE(options.isolate_domu);
    EXPECT_EQ(options.l1tf_dom0, Choice{true});
    EXPECT_EQ(options.l1tf_domu, Choice{false});
    options = parse_well("xpti=yes xpti=default smt");
    EXPECT_FALSE(options.isolate_dom0 || options.isolate_domu);
    EXPECT_EQ(options.siblings, Choice{true});
}

}  // namespace
}  // namespace hv::x86
