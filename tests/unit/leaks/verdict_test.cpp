#include <gtest/gtest.h>

#include <string>

#include "hv/x86/leaks/designs.hpp"
#include "tests/unit/leaks/record.hpp"

namespace hv::x86 {
namespace {

using enum Leak;

std::string names(Leaks leaks) {
    std::string text;
    leaks.for_each([&](Leak leak) { text += std::string{name_of(leak)} + ", "; });
    return text;
}

void expect_published(std::span<const Record> records) {
    for (const Record& record : records) {
        const Leaks found = leaks_of(identify(record));
        EXPECT_EQ(names(found - record.published), "") << record.name << ": not published";
        EXPECT_EQ(names(record.published - found), "") << record.name << ": not found";
    }
}

TEST(Verdict, RecordedProcessors) {
    expect_published(intel_servers());
    expect_published(intel_others());
    expect_published(amd_processors());
    expect_published(other_processors());
    EXPECT_GE(intel_servers().size() + intel_others().size() + amd_processors().size() + other_processors().size(),
              30u);
}

TEST(Verdict, EveryRecordedProcessorIsKnown) {
    for (const auto& records : {intel_servers(), intel_others(), amd_processors(), other_processors()})
        for (const Record& record : records) {
            const Identification id = identify(record);
            EXPECT_NE(design_of(id.vendor, id.signature), Design::Unknown) << record.name;
        }
}

TEST(Verdict, MicrocodeEndsZenbleed) {
    Record rome = record_of("EPYC 7502");
    rome.microcode = 0x0830'107a;
    EXPECT_TRUE(leaks_of(identify(rome)).has(Zenbleed));
    rome.microcode = 0x0830'107b;
    EXPECT_FALSE(leaks_of(identify(rome)).has(Zenbleed));
}

TEST(Verdict, HiddenSwitchesBelongToAHypervisorBelow) {
    for (const char* name : {"EPYC 7601", "EPYC 7502"}) {
        Identification id = identify(record_of(name));
        EXPECT_FALSE((leaks_of(id) & Leaks{FpDivider, Zenbleed}).empty()) << name;
        id.words[static_cast<unsigned>(CpuidWord::OneEcx)] |= 1u << 31;
        ASSERT_TRUE(id.has(CpuidBit::Hypervisor));
        EXPECT_TRUE((leaks_of(id) & Leaks{FpDivider, Zenbleed}).empty()) << name;
    }
}

TEST(Verdict, AnotherCpuIsAsSafeWhateverElseItHas) {
    const Identification boot = identify(record_of("Xeon Platinum 8268"));
    EXPECT_TRUE(as_safe_as(boot, boot));
    Identification other = boot;
    other.words[static_cast<unsigned>(CpuidWord::OneEcx)] ^= 1u << 3;  // MONITOR, which firmware switches
    other.clear(CpuidBit::Rtm);
    EXPECT_TRUE(as_safe_as(boot, other));
    Identification admits = boot;
    admits.arch_capabilities |= 1u << static_cast<unsigned>(ArchCapability::Rsba);
    EXPECT_TRUE(as_safe_as(admits, boot));
    EXPECT_FALSE(as_safe_as(boot, admits));
    Identification older = identify(record_of("EPYC 7502"));
    Identification newer = older;
    newer.microcode = older.microcode + 1;
    EXPECT_TRUE(as_safe_as(older, newer));
    EXPECT_FALSE(as_safe_as(newer, older));
    for (const CpuidBit help : {CpuidBit::MdClear, CpuidBit::IbrsIbpb, CpuidBit::Smep}) {
        other = boot;
        other.clear(help);
        EXPECT_FALSE(as_safe_as(boot, other));
        EXPECT_TRUE(as_safe_as(other, boot));
    }
    other = boot;
    other.arch_capabilities &= ~(std::uint64_t{1} << static_cast<unsigned>(ArchCapability::RdclNo));
    EXPECT_FALSE(as_safe_as(boot, other));
}

TEST(Verdict, WithoutSiblingsZenReturnsToItself) {
    Identification id = identify(record_of("EPYC 7601"));
    id.siblings = false;
    EXPECT_EQ(names(leaks_of(id)), names(record_of("EPYC 7601").published - Leaks{Srso, SiblingReturns}));
    id = identify(record_of("EPYC 7713"));
    id.siblings = false;
    EXPECT_TRUE(leaks_of(id).has(Srso));
}

// A processor that is newer than the lists has what it does not deny.
TEST(Verdict, UnknownProcessors) {
    Identification intel{.vendor = Vendor::Intel, .signature = {.family = 6, .model = 0xee, .stepping = 0}};
    intel.words[static_cast<unsigned>(CpuidWord::OneEcx)] = 1u << 28;  // AVX
    EXPECT_EQ(names(leaks_of(intel)),
              names({Meltdown, L1tf, SpectreV1, SpectreV2, StoreBypass, Mds, MmioStaleData, Rfds, Gds, Its, Vmscape}));
    intel.arch_capabilities = 0x0d00'e17b;  // it denies all that it may
    intel.words[static_cast<unsigned>(CpuidWord::SevenTwoEdx)] = 1u << 4;
    EXPECT_EQ(names(leaks_of(intel)), names({SpectreV1, SpectreV2, Bhi, Vmscape}));
    Identification amd{.vendor = Vendor::Amd, .signature = {.family = 0x1c, .model = 1, .stepping = 0}};
    EXPECT_TRUE(leaks_of(amd).has(Retbleed) && leaks_of(amd).has(Srso) && leaks_of(amd).has(Tsa));
    EXPECT_FALSE(leaks_of(amd).has(Meltdown));
    const Identification other{};
    EXPECT_TRUE(leaks_of(other).has(Meltdown));
}

TEST(Verdict, ProcessorsThatDoNotSpeculate) {
    const Identification atom{.vendor = Vendor::Intel, .signature = {.family = 6, .model = 0x1c, .stepping = 2}};
    EXPECT_TRUE(leaks_of(atom).empty());
}

TEST(Verdict, EveryLeakHasAName) {
    for (unsigned leak = 0; leak < kLeakCount; ++leak) EXPECT_FALSE(name_of(static_cast<Leak>(leak)).empty()) << leak;
}

}  // namespace
}  // namespace hv::x86
