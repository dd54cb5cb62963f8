// Promised: xen_version answers what kernels ask at boot.
// Exercised: every command, features, short build-id buffers.
// A pass means: texts end, numbers are plausible, the features that a PV kernel relies on are there.
#include "tests/guest/lib/guest.hpp"
#include "tests/guest/lib/memory.hpp"

using namespace guest;

namespace {

bool has_end(const char* text, unsigned size) {
    for (unsigned i = 0; i < size; ++i)
        if (!text[i]) return true;
    return false;
}

// What hv has. Also shown by mmu_pin (clearing and copying pages), grants (bits of mappings), domu_refused (vNUMA).
constexpr u32 kKnown =
    1u << static_cast<u32>(Feature::PaePgdirAbove4gb) | 1u << static_cast<u32>(Feature::MmuPtUpdatePreserveAd) |
    1u << static_cast<u32>(Feature::HighmemAssist) | 1u << static_cast<u32>(Feature::GnttabMapAvailBits) |
    1u << static_cast<u32>(Feature::Dom0) | 1u << static_cast<u32>(Feature::NotDirectMapped);

bool has_feature(u32 map, Feature feature) {
    return map >> static_cast<u32>(feature) & 1;
}

void check_preserved_marks() {
    constexpr u64 kMarks = kPteAccessed | kPteDirty;
    const Page page = allocate_page();
    page.words()[0] = 1;
    const u64 place = entry_machine_address(page.address(), 1);
    EXPECT_EQ(update_entry(place, pte(page.mfn, kPtePresent | kPteWritable), MmuCommand::PtUpdatePreserveAd), 0);
    EXPECT_EQ(*entry_for(page.address(), 1) & kMarks, kMarks);
    EXPECT_EQ(update_entry(place, pte(page.mfn, kPtePresent | kPteWritable)), 0);
    EXPECT_EQ(*entry_for(page.address(), 1) & kMarks, 0);
}

}  // namespace

void guest::test_main() {
    EXPECT_TRUE(xen_version(VersionCommand::Version, nullptr) >> 16 >= 4);
    static char text[1024];
    EXPECT_EQ(xen_version(VersionCommand::Extraversion, text), 0);
    EXPECT_TRUE(has_end(text, kExtraversionLength));
    EXPECT_EQ(xen_version(VersionCommand::Capabilities, text), 0);
    EXPECT_TRUE(has_end(text, kCapabilitiesLength) && text[0] == 'x');
    EXPECT_EQ(xen_version(VersionCommand::Changeset, text), 0);
    EXPECT_TRUE(has_end(text, kChangesetLength));
    EXPECT_EQ(xen_version(VersionCommand::Commandline, text), 0);
    EXPECT_TRUE(has_end(text, kCommandlineLength));
    static CompileInfo compile;
    EXPECT_EQ(xen_version(VersionCommand::CompileInfo, &compile), 0);
    EXPECT_TRUE(has_end(compile.compiler, sizeof(compile.compiler)) &&
                has_end(compile.compile_date, sizeof(compile.compile_date)));
    PlatformParameters platform{};
    EXPECT_EQ(xen_version(VersionCommand::PlatformParameters, &platform), 0);
    EXPECT_EQ(platform.virt_start, kHypervisorVirtStart);
    u8 uuid[16];
    EXPECT_EQ(xen_version(VersionCommand::GuestHandle, uuid), 0);
    FeatureInfo features{0, 0};
    EXPECT_EQ(xen_version(VersionCommand::GetFeatures, &features), 0);
    EXPECT_TRUE(has_feature(features.submap, Feature::MmuPtUpdatePreserveAd));
    EXPECT_TRUE(has_feature(features.submap, Feature::GnttabMapAvailBits));
    EXPECT_TRUE(has_feature(features.submap, Feature::Dom0));
    EXPECT_TRUE(!has_feature(features.submap, Feature::AutoTranslatedPhysmap));
    EXPECT_TRUE(!has_feature(features.submap, Feature::SupervisorModeKernel));
    if (on_hv()) EXPECT_EQ(features.submap & ~kKnown, 0);
    check_preserved_marks();
    features = {kFeatureSubmaps, 7};
    EXPECT_TRUE(xen_version(VersionCommand::GetFeatures, &features) < 0 || features.submap == 0);
    static struct {
        BuildIdHeader header;
        u8 bytes[64];
    } build;
    const long length = xen_version(VersionCommand::BuildId, nullptr);
    EXPECT_TRUE(length > 0 && length <= 64);
    build.header.length = 64;
    EXPECT_EQ(xen_version(VersionCommand::BuildId, &build), length);
    build.header.length = 1;
    EXPECT_TRUE(xen_version(VersionCommand::BuildId, &build) < 0);
}
