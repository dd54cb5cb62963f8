#include "hv/x86/leaks/report.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "tests/unit/leaks/record.hpp"

namespace hv::x86 {
namespace {

std::vector<std::string> printed, details;

void print(LogLevel level, std::string_view line) {
    EXPECT_LT(line.size(), 200u) << line;
    const char* prefix = level == LogLevel::Warning ? "warning: " : "";
    (level == LogLevel::Debug ? details : printed).push_back(prefix + std::string{line});
}

// What hv does, to these tests: whatever is built later.
constexpr Measures kFew = {Measure::SrbLock, Measure::GdsMicrocode};

void report_of(const Identification& id, const LeakOptions& options = {}, Measures at_work = kFew) {
    printed.clear();
    details.clear();
    report(decide(id, options), at_work, print);
}

using Lines = std::vector<std::string>;

TEST(Report, SoundProcessorsAreQuiet) {
    for (const char* name : {"QEMU qemu64", "QEMU max", "QEMU EPYC"}) {
        report_of(identify(record_of(name)));
        EXPECT_EQ(printed, Lines{}) << name;
        EXPECT_EQ(details, Lines{}) << name;
    }
    const Identification atom{.vendor = Vendor::Intel, .signature = {.family = 6, .model = 0x1c, .stepping = 2}};
    report_of(atom);
    EXPECT_EQ(printed, Lines{});
    EXPECT_EQ(details, Lines{});
}

TEST(Report, WhatIsNotMitigated) {
    report_of(identify(record_of("Xeon W3520")));
    EXPECT_EQ(printed,
              (Lines{
                  "this processor suffers from: Meltdown, L1TF, Spectre v1, Spectre v2, SSB, MDS",
                  "warning: not mitigated yet: Meltdown, L1TF: a PV guest can read all memory",
                  "warning: not mitigated yet: Spectre v1, Spectre v2: a guest can make hv read memory for it",
                  "warning: not mitigated yet: MDS: a guest can see remains of what others on its core work with",
                  "warning: nothing helps without newer microcode against: Spectre v2, SSB, MDS",
              }));
    EXPECT_EQ(details.at(0), "wanted: page-table isolation, against Meltdown");
}

TEST(Report, WhatIsAtWorkIsNoLongerMissing) {
    const Identification id = identify(record_of("EPYC 9655"));
    const Mitigations mitigations = decide(id, {});
    report_of(id);
    EXPECT_EQ(printed.size(), 4u);
    report_of(id, {}, mitigations.wanted);
    EXPECT_EQ(printed, (Lines{"this processor suffers from: Spectre v1, Spectre v2, SRSO, SSB, VMSCAPE"}));
    EXPECT_EQ(details.at(0), "at work: speculation barriers, against Spectre v1");
    EXPECT_EQ(standing_of(mitigations, mitigations.wanted - Measures{Measure::Barriers}).not_yet,
              Leaks{Leak::SpectreV1});
}

TEST(Report, TheCommandLineIsAnswered) {
    LeakOptions options;
    options.isolate_dom0 = options.isolate_domu = false;
    options.history_hardware = true;
    options.ssbd = true;
    report_of(identify(record_of("Xeon E5-2609 v3")), options);
    const auto has = [](std::string_view line) { return std::ranges::find(printed, line) != printed.end(); };
    EXPECT_TRUE(has("warning: left open by the command line: Meltdown"));
    EXPECT_TRUE(has("warning: command line: the processor cannot do this: SSBD, BHI_DIS_S") ||
                has("warning: command line: the processor cannot do this: BHI_DIS_S, SSBD"));
    options = {};
    options.ibrs = true;
    report_of(identify(record_of("Xeon E5-2609 v3")), options);
    EXPECT_TRUE(has("warning: command line: hv cannot do this yet: IBRS"));
}

// On a sound processor, too.
TEST(Report, WhatIsAskedForWithoutNeed) {
    LeakOptions options;
    options.isolate_domu = true;
    report_of(identify(record_of("QEMU max")), options);
    EXPECT_EQ(printed, (Lines{"warning: command line: hv cannot do this yet: page-table isolation"}));
    EXPECT_EQ(details, (Lines{"wanted: page-table isolation, as the command line asks"}));
}

TEST(Report, ListsForWhoeverAsksLater) {
    LeakOptions options;
    options.branch_barriers = false;
    const Mitigations mitigations = decide(identify(record_of("EPYC 9124")), options);
    LeakTexts texts;
    write_texts(texts, mitigations, {Measure::AutomaticIbrs, Measure::SpecCtrl, Measure::Retpoline});
    EXPECT_EQ(texts.leaks.text(), "Spectre v1, Spectre v2, SRSO, SSB, TSA, VMSCAPE");
    EXPECT_EQ(texts.at_work.text(), "automatic IBRS, SPEC_CTRL for guests");
    EXPECT_EQ(texts.open.text(), "Spectre v1, Spectre v2, SRSO, TSA, VMSCAPE") << "IBPB is not among them";
    write_texts(texts, decide(identify(record_of("QEMU max")), {}), kFew);
    EXPECT_EQ(texts.leaks.text(), "");
    EXPECT_EQ(texts.open.text(), "");
    Leaks all_leaks;
    Measures all_measures;
    for (unsigned leak = 0; leak < kLeakCount; ++leak) all_leaks.add(static_cast<Leak>(leak));
    for (unsigned measure = 0; measure < kMeasureCount; ++measure) all_measures.add(static_cast<Measure>(measure));
    texts.leaks.assign(all_leaks);
    texts.at_work.assign(all_measures);
    EXPECT_TRUE(texts.leaks.text().ends_with("PBRSB"));
    EXPECT_TRUE(texts.at_work.text().ends_with("SMT off"));
}

TEST(Report, WhatThisHvDoes) {
    for (const auto& records : {intel_servers(), intel_others(), amd_processors(), other_processors()})
        for (const Record& record : records) {
            const Standing standing = standing_of(decide(identify(record), {}), kAtWork);
            EXPECT_TRUE(
                (standing.not_yet & Leaks{Leak::Meltdown, Leak::L1tf, Leak::SpectreV1, Leak::Bhi, Leak::Its}).empty())
                << record.name;
        }
    LeakOptions options;
    options.isolate_domu = true;
    report_of(identify(record_of("QEMU max")), options, kAtWork);
    EXPECT_EQ(printed, Lines{});
    EXPECT_EQ(details, (Lines{"at work: page-table isolation, as the command line asks"}));
}

TEST(Report, AllLinesOfAllProcessorsFit) {
    for (const auto& records : {intel_servers(), intel_others(), amd_processors(), other_processors()})
        for (const Record& record : records) {
            report_of(identify(record));
            if (record.published.empty()) {
                EXPECT_EQ(printed, Lines{}) << record.name;
            }
            EXPECT_LE(printed.size(), 7u) << record.name << ": few lines";
        }
}

}  // namespace
}  // namespace hv::x86
