#include "hv/x86/leaks/guest_controls.hpp"

#include <gtest/gtest.h>

#include "tests/unit/leaks/record.hpp"
#include "tests/unit/leaks/said.hpp"

namespace hv::x86 {
namespace {

constexpr GuestFilter kOtherFilter = {.kernel_is_user = false};
constexpr std::uint64_t kIbrs = 1, kStibp = 2, kSsbd = 4, kPsfd = 0x80;

GuestControls controls_on(const ProcessorSource& processor, std::string_view text = "",
                          const GuestFilter& filter = kPvFilter) {
    const Identification id = identify(processor);
    const Mitigations mitigations = decide(id, said(text));
    return controls_for(filter, id, mitigations, mitigations.wanted);
}
GuestControls controls_of(std::string_view name, std::string_view text = "", const GuestFilter& filter = kPvFilter) {
    return controls_on(record_of(name), text, filter);
}

bool shows(const GuestControls& controls, CpuidBit bit) {
    const auto number = static_cast<unsigned>(bit);
    const std::uint32_t word = [&] {
        switch (static_cast<CpuidWord>(number / 32)) {
            case CpuidWord::SevenEdx: return controls.seven_edx;
            case CpuidWord::SevenTwoEdx: return controls.seven_two_edx;
            case CpuidWord::AmdSizesEbx: return controls.sizes_ebx;
            case CpuidWord::AmdFeaturesEax: return controls.features_eax;
            case CpuidWord::AmdFeaturesEcx: return controls.features_ecx;
            default: return 0u;
        }
    }();
    return (word >> (number % 32)) & 1;
}
bool says(const GuestControls& controls, ArchCapability bit) {
    return (controls.arch_capabilities >> static_cast<unsigned>(bit)) & 1;
}

// A bit without its register makes a kernel that believes it die.
TEST(GuestControls, BitsAndRegistersGoTogether) {
    for (const auto& records : {intel_servers(), intel_others(), amd_processors(), other_processors()})
        for (const Record& record : records)
            for (const char* text : {"", "spec-ctrl=no", "spec-ctrl=msr-sc=no-pv", "smt=off", "spec-ctrl=msr-sc"}) {
                const GuestControls got = controls_on(record, text);
                const auto where = record.name;
                using enum CpuidBit;
                EXPECT_EQ((got.spec_ctrl & kIbrs) != 0, shows(got, IbrsIbpb) || shows(got, AmdIbrs)) << where;
                EXPECT_EQ((got.spec_ctrl & kSsbd) != 0, shows(got, CpuidBit::Ssbd) || shows(got, AmdSsbd)) << where;
                EXPECT_EQ((got.spec_ctrl & kPsfd) != 0, shows(got, CpuidBit::Psfd) || shows(got, AmdPsfd)) << where;
                EXPECT_TRUE((got.spec_ctrl & kStibp) || !(shows(got, CpuidBit::Stibp) || shows(got, AmdStibp)))
                    << where;
                EXPECT_EQ((got.pred_cmd & 1) != 0, shows(got, IbrsIbpb) || shows(got, AmdIbpb)) << where;
                EXPECT_EQ((got.pred_cmd & 0x80) != 0, shows(got, Sbpb)) << where;
                EXPECT_EQ(got.flush_cmd != 0, shows(got, L1dFlush)) << where;
                EXPECT_EQ(got.virt_spec_ctrl != 0, shows(got, AmdVirtSsbd)) << where;
                EXPECT_EQ(got.ls_cfg_ssbd != 0, shows(got, AmdVirtSsbd)) << where;
                EXPECT_EQ(got.has_arch_capabilities(), shows(got, CpuidBit::ArchCapabilities)) << where;
                EXPECT_TRUE(got.arch_capabilities == 0 || got.has_arch_capabilities()) << where;
                EXPECT_EQ(got.spec_ctrl & ~(kIbrs | kStibp | kSsbd | kPsfd), 0u) << "the rest is about ring 0";
            }
}

// No kernel of a guest is told that it is safe from what the processor has.
TEST(GuestControls, NothingIsDeniedThatIsThere) {
    for (const auto& records : {intel_servers(), intel_others(), amd_processors(), other_processors()})
        for (const Record& record : records) {
            const GuestControls got = controls_on(record);
            const Leaks has = record.published;
            EXPECT_FALSE(has.has(Leak::Meltdown) && says(got, ArchCapability::RdclNo)) << record.name;
            EXPECT_FALSE(has.has(Leak::L1tf) && says(got, ArchCapability::RdclNo)) << record.name;
            EXPECT_FALSE(has.has(Leak::Mds) && says(got, ArchCapability::MdsNo)) << record.name;
            EXPECT_FALSE(has.has(Leak::StoreBypass) && says(got, ArchCapability::SsbNo)) << record.name;
            EXPECT_FALSE(has.has(Leak::Bhi) && says(got, ArchCapability::BhiNo)) << record.name;
            EXPECT_FALSE(has.has(Leak::Its) && says(got, ArchCapability::ItsNo)) << record.name;
            EXPECT_FALSE(has.has(Leak::Rfds) && says(got, ArchCapability::RfdsNo)) << record.name;
            EXPECT_FALSE(has.has(Leak::StoreBypass) && shows(got, CpuidBit::AmdSsbNo)) << record.name;
            EXPECT_FALSE(has.has(Leak::Retbleed) && shows(got, CpuidBit::AmdBtcNo)) << record.name;
            EXPECT_FALSE(has.has(Leak::Srso) && shows(got, CpuidBit::SrsoNo)) << record.name;
            EXPECT_FALSE(has.has(Leak::Tsa) && shows(got, CpuidBit::TsaL1No)) << record.name;
        }
}

TEST(GuestControls, OldIntel) {
    Record skylake = record_of("Xeon Gold 6148");
    EXPECT_EQ(controls_on(skylake).spec_ctrl, 0u) << "its microcode is of before 2018";
    skylake.rows.at(2).registers.edx = 0x9c00'0400;  // with the one of 2019
    const GuestControls got = controls_on(skylake);
    EXPECT_EQ(got.spec_ctrl, kIbrs | kStibp | kSsbd);
    EXPECT_TRUE(got.pred_cmd == 1 && got.flush_cmd == 1);
    EXPECT_TRUE(shows(got, CpuidBit::MdClear));
    // It has no such register, and its guests learn from one that branch history is no matter of theirs.
    EXPECT_TRUE(got.has_arch_capabilities());
    EXPECT_TRUE(says(got, ArchCapability::BhiNo) && says(got, ArchCapability::RfdsNo));
    for (ArchCapability bit : {ArchCapability::RdclNo, ArchCapability::MdsNo, ArchCapability::SsbNo,
                               ArchCapability::TaaNo, ArchCapability::PsdpNo, ArchCapability::IbrsAll})
        EXPECT_FALSE(says(got, bit)) << static_cast<int>(bit);
    const GuestControls without = controls_on(skylake, "spec-ctrl=msr-sc=no-pv");
    EXPECT_TRUE(without.spec_ctrl == 0 && without.pred_cmd == 0 && !shows(without, CpuidBit::Ssbd));
    EXPECT_TRUE(shows(without, CpuidBit::MdClear)) << "VERW is nobody's register";
}

// Enhanced IBRS is no help to a kernel in ring 3: it is to use retpolines, where these help.
TEST(GuestControls, EnhancedIbrs) {
    EXPECT_FALSE(says(controls_of("Xeon Platinum 8570"), ArchCapability::IbrsAll));
    EXPECT_TRUE(says(controls_of("Xeon Platinum 8570", "", kOtherFilter), ArchCapability::IbrsAll));
    EXPECT_TRUE(says(controls_of("Xeon Platinum 8268"), ArchCapability::IbrsAll)) << "its returns are no better";
    EXPECT_FALSE(shows(controls_of("Xeon Platinum 8570"), CpuidBit::BhiCtrl));
    EXPECT_FALSE(shows(controls_of("EPYC 9124"), CpuidBit::AutoIbrs));
    EXPECT_FALSE(shows(controls_of("EPYC 9655"), CpuidBit::SrsoUserKernelNo));
    EXPECT_TRUE(shows(controls_of("EPYC 9655", "", kOtherFilter), CpuidBit::SrsoUserKernelNo));
}

TEST(GuestControls, WhatMicrocodeClosesIsNoGuests) {
    Record icelake = record_of("Xeon, Ice Lake-SP");
    EXPECT_FALSE(says(controls_on(icelake, "spec-ctrl=no"), ArchCapability::GdsNo));
    icelake.arch_capabilities |= std::uint64_t{1} << 25;
    EXPECT_TRUE(says(controls_on(icelake), ArchCapability::GdsNo));
}

TEST(GuestControls, Amd) {
    GuestControls got = controls_of("EPYC 7713");
    EXPECT_EQ(got.spec_ctrl, kIbrs | kStibp | kSsbd | kPsfd);
    EXPECT_EQ(got.pred_cmd, 1u);
    EXPECT_TRUE(shows(got, CpuidBit::AmdBtcNo) && !got.has_arch_capabilities());
    Record milan = record_of("EPYC 7713");
    milan.microcode = 0x0a00'11d7;
    EXPECT_TRUE(shows(controls_on(milan), CpuidBit::VerwClear)) << "it does not say so itself";
    got = controls_of("EPYC 9655");
    EXPECT_TRUE(shows(got, CpuidBit::Sbpb) && got.pred_cmd == 0x81);
    EXPECT_TRUE(shows(got, CpuidBit::TsaSqNo) && shows(got, CpuidBit::TsaL1No)) << "by its design";
}

TEST(GuestControls, VirtualSsbd) {
    EXPECT_EQ(controls_of("EPYC 7601").ls_cfg_ssbd, std::uint64_t{1} << 10);
    EXPECT_EQ(controls_of("EPYC 7601", "smt").virt_spec_ctrl, 0u) << "two threads have one LS_CFG";
    EXPECT_EQ(controls_of("EPYC 7601", "spec-ctrl=msr-sc=no-pv").virt_spec_ctrl, 0u);
    EXPECT_EQ(controls_of("Opteron 6380").ls_cfg_ssbd, std::uint64_t{1} << 54);
    EXPECT_EQ(controls_of("A4-5000").ls_cfg_ssbd, std::uint64_t{1} << 33);
    EXPECT_EQ(controls_of("EPYC 7713").virt_spec_ctrl, 0u) << "SPEC_CTRL has it";
    EXPECT_EQ(controls_of("Opteron 6168").virt_spec_ctrl, 0u);
    EXPECT_TRUE(decide(identify(record_of("Opteron 6282 SE")), {}).unhelped.has(Leak::SpectreV2));
    EXPECT_FALSE(decide(identify(record_of("Opteron 6282 SE")), {}).unhelped.has(Leak::StoreBypass));
}

// QEMU's TCG leaks nothing, and its guests are told so; with msr-sc they can try everything.
TEST(GuestControls, Interpreter) {
    Record intel = record_of("Xeon Gold 6148");
    intel.rows.push_back({0x4000'0000, 0, {0x4000'0001, 0x5447'4354, 0x4354'4743, 0x4743'5447}});
    for (CpuidRow& row : intel.rows)
        if (row.leaf == 1) row.registers.ecx |= 1u << 31;
    const GuestControls sound = controls_on(intel);
    for (ArchCapability bit :
         {ArchCapability::RdclNo, ArchCapability::MdsNo, ArchCapability::SsbNo, ArchCapability::TaaNo,
          ArchCapability::PsdpNo, ArchCapability::GdsNo, ArchCapability::BhiNo, ArchCapability::ItsNo})
        EXPECT_TRUE(says(sound, bit)) << static_cast<int>(bit);
    EXPECT_TRUE(sound.spec_ctrl == 0 && sound.pred_cmd == 0);
    const GuestControls tried = controls_on(intel, "spec-ctrl=msr-sc");
    EXPECT_EQ(tried.spec_ctrl, kIbrs | kStibp | kSsbd | kPsfd);
    EXPECT_TRUE(tried.pred_cmd == 1 && tried.flush_cmd == 1);
    const GuestControls epyc = controls_of("QEMU EPYC");
    EXPECT_TRUE(shows(epyc, CpuidBit::AmdBtcNo) && shows(epyc, CpuidBit::SrsoNo) && shows(epyc, CpuidBit::AmdSsbNo));
    EXPECT_EQ(controls_of("QEMU EPYC", "spec-ctrl=msr-sc").virt_spec_ctrl, kVirtSpecCtrlSsbd);
    EXPECT_EQ(controls_of("QEMU EPYC", "spec-ctrl=msr-sc").spec_ctrl, kIbrs | kStibp);
}

}  // namespace
}  // namespace hv::x86
