// Promised: a domain without devices has its memory cached in the usual way; Dom0 chooses, for mappings, not for
// tables. Exercised: PWT, PCD and PAT bits in entries of all levels, new ones, changes of these bits alone, and tables
// that bring them along; in Dom0 a page that was mapped write-combining becomes a page table. A pass means: an
// unprivileged domain got none of them, no domain got one in an upper table, and Dom0's mappings and its table work.
#include "tests/guest/lib/domu.hpp"
#include "tests/guest/lib/guest.hpp"
#include "tests/guest/lib/traps.hpp"

using namespace guest;

namespace {

constexpr u64 kWriteThrough = 1u << 3, kCacheDisable = 1u << 4, kPat = 1u << 7;
constexpr u64 kKinds[] = {kWriteThrough, kCacheDisable, kPat, kWriteThrough | kCacheDisable, kPat | kWriteThrough};

void refuse_in_upper_tables(u64 address) {
    for (unsigned level = 2; level <= 4; ++level) {
        const u64 entry = *entry_for(address, level);
        for (const u64 bits : {kWriteThrough, kCacheDisable})
            EXPECT_TRUE(update_entry(entry_machine_address(address, level), entry | bits) < 0);
        EXPECT_EQ(*entry_for(address, level) & (kWriteThrough | kCacheDisable), 0);
    }
}

}  // namespace

void guest::domu_main(u64) {
    const Page data = allocate_page(), window = allocate_page();
    for (const u64 kind : kKinds) {
        for (const u64 rights : {kPteKernelData, kPteReadOnly}) {
            EXPECT_TRUE(update_mapping(window.bytes, pte(data.mfn, rights | kind)) < 0);
            EXPECT_TRUE(update_mapping(data.bytes, pte(data.mfn, rights | kind)) < 0);
            EXPECT_TRUE(update_entry(entry_machine_address(window.address(), 1), pte(data.mfn, rights | kind)) < 0);
            const u64 entry = pte(data.mfn, rights | kind);
            EXPECT_TRUE(mmuext(MmuextCommand::PinL1Table, make_table(&entry, 1).mfn) < 0);
        }
    }
    refuse_in_upper_tables(window.address());
    data.words()[0] = 5;
    EXPECT_EQ(data.words()[0], 5);
}

void guest::test_main() {
    refuse_in_upper_tables(allocate_page().address());
    for (const u64 kind : kKinds) {
        const Page page = allocate_page();
        EXPECT_EQ(update_mapping(page.bytes, pte(page.mfn, kPteKernelData | kind)), 0);
        for (unsigned i = 0; i < 512; ++i) page.words()[i] = 0;
        page.words()[7] = pte(page.mfn, kPteReadOnly | kPteUser);
        EXPECT_EQ(make_read_only(page), 0);
        EXPECT_EQ(mmuext(MmuextCommand::PinL1Table, page.mfn), 0);
        EXPECT_EQ(pte_frame(page.words()[7]), page.mfn);
        EXPECT_EQ(mmuext(MmuextCommand::UnpinTable, page.mfn), 0);
        EXPECT_EQ(make_writable(page), 0);
        page.words()[7] = 9;
        EXPECT_EQ(page.words()[7], 9);
    }
    if (on_hv()) run_domu(1, hv::abi::control::ShutdownReason::Poweroff);
}
