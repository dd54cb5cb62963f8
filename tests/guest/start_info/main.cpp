// Promised: the start-of-day state of Dom0: start info, frame lists that agree with each other, a mapped kernel region
// whose page tables are read-only, shared info with a running clock.
// Exercised: every field of StartInfo that a Dom0 kernel uses, all of both frame lists, the initial mapping.
// A pass means: a kernel that believes the ABI's description of its first moment is right.
#include "tests/guest/lib/events.hpp"
#include "tests/guest/lib/guest.hpp"
#include "tests/guest/lib/memory.hpp"
#include "tests/guest/lib/traps.hpp"

using namespace guest;

namespace {

bool contains(const char* text, const char* word) {
    for (; *text; ++text) {
        unsigned i = 0;
        while (word[i] && text[i] == word[i]) ++i;
        if (!word[i]) return true;
    }
    return false;
}

void check_frame_lists() {
    u64 wrong = 0;
    for (u64 pfn = 0; pfn < start_info().nr_pages; ++pfn) wrong += machine_to_phys(pfn_to_mfn(pfn)) != pfn;
    EXPECT_EQ(wrong, 0);
    EXPECT_TRUE(start_info().mfn_list % kPageSize == 0);
}

void check_page_tables() {
    const u64 base = start_info().pt_base;
    EXPECT_TRUE(base % kPageSize == 0 && start_info().nr_pt_frames >= 4);
    u64 cr3;
    asm volatile("mov %%cr3, %0" : "=r"(cr3));
    EXPECT_EQ(cr3_to_frame(cr3), top_table_mfn());
    for (u64 i = 0; i < start_info().nr_pt_frames; ++i) {
        const u64 entry = *entry_for(base + i * kPageSize, 1);
        EXPECT_TRUE(entry & kPtePresent && !(entry & kPteWritable));
    }
    EXPECT_TRUE(try_read(base).happened == false);
}

void check_kernel_region() {
    const u64 first_free = start_info().pt_base + (start_info().nr_pt_frames + 1) * kPageSize;
    // At least 512 KiB after the last element, and to a 4 MiB boundary, are mapped and writable.
    const u64 end = (first_free + 512 * 1024 + 0x3f'ffff) & ~0x3f'ffffull;
    EXPECT_TRUE(pages_left() >= 128);
    EXPECT_EQ(first_free + pages_left() * kPageSize, end);
    for (u64 at = first_free; at < end; at += kPageSize) EXPECT_TRUE(!try_write(at).happened);
}

}  // namespace

void guest::test_main() {
    const StartInfo& info = start_info();
    EXPECT_TRUE(contains(info.magic, "xen-") && contains(info.magic, "x86_64"));
    EXPECT_TRUE(info.nr_pages > 4096 && info.nr_pages <= 64 * 256);
    EXPECT_EQ(info.shared_info % kPageSize, 0);
    EXPECT_EQ(info.flags & (kSifPrivileged | kSifInitdomain), kSifPrivileged | kSifInitdomain);
    EXPECT_TRUE(contains(info.cmd_line, test_name));
    EXPECT_EQ(info.mod_len, 0);
    check_frame_lists();
    check_page_tables();
    check_kernel_region();
    EXPECT_TRUE(shared_info().wc_sec > 1'000'000'000 || shared_info().wc_sec_hi);
    EXPECT_EQ(shared_info().vcpu_info[0].evtchn_upcall_mask, 1);
    EXPECT_TRUE(system_time() > 0);
}
