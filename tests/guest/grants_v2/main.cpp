// Promised: version 2 grants: wider frames, sub-page grants, use marks in status frames of their own. Exercised:
// set_version in both directions, status frames, map and copy by version 2 entries, sub-page bounds, transitive
// entries, a switch while a grant is in use or a status frame mapped. A pass means: the marks are where version 2 puts
// them, sub-page limits hold, bad versions and busy switches are refused.
#include "tests/guest/lib/guest.hpp"
#include "tests/guest/lib/memory.hpp"
#include "tests/guest/lib/traps.hpp"

using namespace guest;

namespace {

constexpr u16 kMyself = 0;
constexpr Gref kRef = 20;

volatile GrantEntryV2* entries;
volatile GrantStatus* statuses;
Page slot;

long set_version(u32 version) {
    GnttabSetVersion op{version};
    return grant_op(GrantCommand::SetVersion, &op);
}

u32 version() {
    GnttabGetVersion op{kDomidSelf, 0, 0};
    EXPECT_EQ(grant_op(GrantCommand::GetVersion, &op), 0);
    return op.version;
}

void map_tables() {
    u64 frame = 0, status_frame = 0;
    GnttabSetupTable setup{kDomidSelf, 0, 1, 0, {}, reinterpret_cast<u64>(&frame)};
    REQUIRE_EQ(grant_op(GrantCommand::SetupTable, &setup), 0);
    REQUIRE_EQ(setup.status, GrantResult::Okay);
    GnttabGetStatusFrames get{1, kDomidSelf, 0, reinterpret_cast<u64>(&status_frame)};
    REQUIRE_EQ(grant_op(GrantCommand::GetStatusFrames, &get), 0);
    REQUIRE_EQ(get.status, GrantResult::Okay);
    const Page window = allocate_page(), status_window = allocate_page();
    REQUIRE_EQ(update_mapping(window.bytes, pte(frame, kPteKernelData)), 0);
    REQUIRE_EQ(update_mapping(status_window.bytes, pte(status_frame, kPteKernelData)), 0);
    entries = reinterpret_cast<volatile GrantEntryV2*>(window.bytes);
    statuses = reinterpret_cast<volatile GrantStatus*>(status_window.bytes);
    get.nr_frames = 100000;
    EXPECT_EQ(grant_op(GrantCommand::GetStatusFrames, &get), 0);
    EXPECT_TRUE(get.status < 0);
}

void grant(u16 flags, u64 frame) {
    entries[kRef].full_page.header.domid = kMyself;
    entries[kRef].full_page.frame = frame;
    asm volatile("" : : : "memory");
    entries[kRef].full_page.header.flags = flags;
}

void check_map() {
    const Page page = allocate_page();
    page.words()[0] = 1234;
    grant(kGtfPermitAccess, page.mfn);
    GnttabMapGrantRef map{slot.address(), kGntmapHostMap, kRef, kMyself, 99, 0, 0};
    EXPECT_EQ(grant_op(GrantCommand::MapGrantRef, &map), 0);
    REQUIRE_EQ(map.status, GrantResult::Okay);
    EXPECT_EQ(slot.words()[0], 1234);
    EXPECT_EQ(statuses[kRef], kGtfReading | kGtfWriting);
    EXPECT_EQ(entries[kRef].header.flags, kGtfPermitAccess);
    EXPECT_TRUE(set_version(1) < 0);  // in use
    GnttabUnmapGrantRef unmap{slot.address(), 0, map.handle, 99, 0};
    EXPECT_EQ(grant_op(GrantCommand::UnmapGrantRef, &unmap), 0);
    EXPECT_EQ(unmap.status, GrantResult::Okay);
    EXPECT_EQ(statuses[kRef], 0);
    grant(kGtfPermitAccess, ~0ull);
    EXPECT_EQ(grant_op(GrantCommand::MapGrantRef, &map), 0);
    EXPECT_TRUE(map.status < 0);
}

std::int16_t copy_from(u16 to_offset, u16 offset, u16 length, const Page& to) {
    GnttabCopy op{};
    op.source = {{.ref = kRef}, kMyself, offset, 0};
    op.dest = {{.gmfn = to.mfn}, kDomidSelf, to_offset, 0};
    op.len = length;
    op.flags = kGntcopySourceGref;
    op.status = 99;
    EXPECT_EQ(grant_op(GrantCommand::Copy, &op), 0);
    return op.status;
}

void check_sub_page() {
    const Page from = allocate_page(), to = allocate_page();
    for (unsigned i = 0; i < kPageSize; ++i) from.bytes[i] = static_cast<u8>(i);
    entries[kRef].sub_page.page_off = 64;
    entries[kRef].sub_page.length = 32;
    grant(kGtfPermitAccess | kGtfSubPage | kGtfReadonly, from.mfn);
    EXPECT_EQ(copy_from(0, 64, 32, to), 0);
    EXPECT_TRUE(to.bytes[0] == 64 && to.bytes[31] == 95 && to.bytes[32] == 0);
    EXPECT_TRUE(copy_from(0, 63, 32, to) < 0);
    EXPECT_TRUE(copy_from(0, 64, 33, to) < 0);
    EXPECT_TRUE(copy_from(0, 0, 1, to) < 0);
    GnttabMapGrantRef map{slot.address(), kGntmapHostMap | kGntmapReadonly, kRef, kMyself, 99, 0, 0};
    EXPECT_EQ(grant_op(GrantCommand::MapGrantRef, &map), 0);
    EXPECT_TRUE(map.status < 0);  // not as a whole
    entries[kRef].sub_page.page_off = 0xfff0;
    entries[kRef].sub_page.length = 0xffff;
    EXPECT_TRUE(copy_from(0, 0xfff0, 32, to) < 0);
    entries[kRef].header.flags = 0;
}

void check_transitive() {
    const Page to = allocate_page();
    entries[kRef].transitive.trans_domid = kMyself;
    entries[kRef].transitive.gref = kRef;  // itself
    entries[kRef].header.domid = kMyself;
    entries[kRef].header.flags = kGtfTransitive;
    EXPECT_TRUE(copy_from(0, 0, 16, to) < 0);
    entries[kRef].transitive.trans_domid = 1234;
    EXPECT_TRUE(copy_from(0, 0, 16, to) < 0);
    entries[kRef].header.flags = 0;
}

// Status frames are version 2's alone: they cannot go while they are mapped and may be written to.
void check_status_mapped() {
    EXPECT_EQ(set_version(1), -kEBUSY);
    EXPECT_EQ(version(), 2);
    REQUIRE_EQ(update_mapping(statuses, 0), 0);
    EXPECT_EQ(set_version(1), 0);
    EXPECT_EQ(version(), 1);
    EXPECT_EQ(set_version(2), 0);
}

}  // namespace

void guest::test_main() {
    EXPECT_EQ(version(), 1);
    for (const u32 bad : {0u, 3u, 0xffff'ffffu}) EXPECT_TRUE(set_version(bad) < 0);
    if (set_version(2) != 0) skip("version 2 is not on offer");
    EXPECT_EQ(version(), 2);
    slot = allocate_page();
    REQUIRE_EQ(update_mapping(slot.bytes, 0), 0);  // grants go where nothing is
    map_tables();
    for (unsigned round = 0; round < 10; ++round) check_map();
    check_sub_page();
    check_transitive();
    EXPECT_EQ(set_version(2), 0);
    check_status_mapped();
}
