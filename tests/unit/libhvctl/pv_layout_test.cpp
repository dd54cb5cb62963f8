#include "hvctl/pv_layout.hpp"

#include <gtest/gtest.h>

#include "image_maker.hpp"

namespace hvctl::test {
namespace {

using hv::abi::xen::ElfNote;

constexpr std::uint64_t kMiB = 1 << 20;
constexpr std::uint64_t kPagesPerMiB = 256;

struct Parsed {
    Bytes file;
    KernelImage image;
};

Parsed parsed(const TestElf& elf) {
    Parsed result{elf.build(), {}};
    auto image = parse_kernel(result.file);
    if (!image) throw std::runtime_error{image.error().what()};
    result.image = std::move(*image);
    return result;
}

// NetBSD and mini-os: everything inside the initial mapping.
TestElf simple_guest(std::uint64_t base = 0xffffffff80000000) {
    TestElf elf;
    elf.segments = {{0x100000, pattern(50'000), 60'000}};
    elf.notes = note(ElfNote::VirtBase, base) + note(ElfNote::Entry, base + 0x100010);
    return elf;
}

ErrorCode code_of(const Result<PvLayout>& layout) {
    return layout ? ErrorCode::Internal : layout.error().code();
}

// The rules of the start-of-day layout that hold for every guest.
void check_rules(const PvLayout& layout, std::uint64_t pages) {
    const std::uint64_t end = layout.initial.address + layout.initial.frames.count * kPageSize;
    EXPECT_EQ(end % (4 * kMiB), 0u);
    EXPECT_GE(end - layout.address_of(layout.stack + 1), 512u << 10);
    EXPECT_LT(end - layout.address_of(layout.stack + 1), (512u << 10) + 4 * kMiB);
    EXPECT_LE(layout.initial.frames.end().raw, pages);
    EXPECT_EQ(layout.tables.total(), layout.page_tables.count);
    EXPECT_EQ(layout.store, layout.start_info + 1);
    EXPECT_EQ(layout.console, layout.store + 1);
    EXPECT_EQ(layout.page_tables.first, layout.console + 1);
    EXPECT_EQ(layout.stack, layout.page_tables.end());
}

TEST(PvLayout, LinuxKeepsListAndInitrdOutside) {
    const Parsed kernel = parsed(linux_like());
    const auto layout = plan_pv_layout(kernel.image, 10 * kMiB + 5, 128 * kPagesPerMiB);
    ASSERT_TRUE(layout) << layout.error().what();
    check_rules(*layout, 128 * kPagesPerMiB);
    EXPECT_EQ(layout->kernel.first.raw, 0x1000u);
    EXPECT_EQ(layout->kernel.end().raw, 0x127bu);
    EXPECT_EQ(layout->start_info, layout->kernel.end());
    EXPECT_FALSE(layout->initrd_mapped);
    EXPECT_FALSE(layout->p2m_in_initial);
    EXPECT_EQ(layout->p2m.first, layout->initial.frames.end());
    EXPECT_EQ(layout->p2m.count, 64u);
    EXPECT_EQ(layout->initrd.first, layout->p2m.end());
    EXPECT_EQ(layout->initrd.count, 2561u);
    EXPECT_EQ(layout->entry, 0xffffffff81000000);
    EXPECT_EQ(layout->hypercall_page, Pfn{0x1001});
    // 20 MiB from -2 GiB and 256 KiB at 512 GiB: one L4, two branches.
    EXPECT_EQ(layout->tables.l1, 10u + 1u);
    EXPECT_EQ(layout->tables.l2, 2u);
    EXPECT_EQ(layout->tables.l3, 2u);
}

TEST(PvLayout, SimpleGuestHasEverythingInside) {
    const Parsed kernel = parsed(simple_guest());
    const auto layout = plan_pv_layout(kernel.image, 3 * kMiB, 32 * kPagesPerMiB);
    ASSERT_TRUE(layout) << layout.error().what();
    check_rules(*layout, 32 * kPagesPerMiB);
    EXPECT_TRUE(layout->initrd_mapped);
    EXPECT_TRUE(layout->p2m_in_initial);
    EXPECT_EQ(layout->initrd.first, layout->kernel.end());
    EXPECT_EQ(layout->p2m.first, layout->initrd.end());
    EXPECT_EQ(layout->p2m_address, layout->address_of(layout->p2m.first));
    EXPECT_EQ(layout->start_info, layout->p2m.end());
    EXPECT_FALSE(layout->hypercall_page);
}

// Where nothing is said of a base, it is 0: addresses are the pseudo-physical ones, from the first page on.
TEST(PvLayout, NoBase) {
    TestElf elf;
    elf.segments = {{0x100000, pattern(50'000), 60'000}};
    elf.entry = 0x100010;
    elf.notes = note(ElfNote::HypercallPage, std::uint64_t{0x101000}) +
                note(ElfNote::Features, "!writable_page_tables|pae_pgdir_above_4gb") +
                note(ElfNote::Loader, "generic") + note(ElfNote::XenVersion, "xen-3.0");
    for (const bool in_section : {false, true}) {
        elf.notes_in_section = in_section;
        const Parsed kernel = parsed(elf);
        const PvLayout layout = plan_pv_layout(kernel.image, 0, 128 * kPagesPerMiB).value();
        check_rules(layout, 128 * kPagesPerMiB);
        EXPECT_EQ(layout.initial.address, 0u);
        EXPECT_EQ(layout.entry, 0x100010u);
        EXPECT_EQ(layout.kernel.first, Pfn{0x100});
        EXPECT_EQ(layout.hypercall_page, Pfn{0x101});
        EXPECT_EQ(layout.address_of(layout.console), layout.console.raw * kPageSize);
        EXPECT_TRUE(layout.p2m_in_initial);
    }
}

TEST(PvLayout, NoInitrd) {
    const Parsed kernel = parsed(linux_like());
    const auto layout = plan_pv_layout(kernel.image, 0, 64 * kPagesPerMiB);
    ASSERT_TRUE(layout) << layout.error().what();
    EXPECT_EQ(layout->initrd.count, 0u);
}

TEST(PvLayout, BaseThatIsNotAlignedLikeTheRegion) {
    const Parsed kernel = parsed(simple_guest(0xffffffff80001000));
    const auto layout = plan_pv_layout(kernel.image, 0, 32 * kPagesPerMiB);
    ASSERT_TRUE(layout) << layout.error().what();
    check_rules(*layout, 32 * kPagesPerMiB);
}

TEST(PvLayout, PhysicalAddressesWithAnOffset) {
    TestElf elf = simple_guest();
    elf.segments[0].physical += 0xffffffff80000000;
    elf.notes = elf.notes + note(ElfNote::PaddrOffset, 0xffffffff80000000);
    const Parsed kernel = parsed(elf);
    const auto layout = plan_pv_layout(kernel.image, 0, 32 * kPagesPerMiB);
    ASSERT_TRUE(layout) << layout.error().what();
    EXPECT_EQ(layout->kernel.first.raw, 0x100u);
}

TEST(PvLayout, HugeGuests) {
    const Parsed kernel = parsed(linux_like());
    for (const std::uint64_t gib : {5ull, 64ull, 1024ull}) {
        const std::uint64_t pages = gib * 1024 * kPagesPerMiB;
        const auto layout = plan_pv_layout(kernel.image, 100 * kMiB, pages);
        ASSERT_TRUE(layout) << layout.error().what();
        check_rules(*layout, pages);
        EXPECT_EQ(layout->p2m.count, pages / 512);
    }
    // A list inside the mapping makes the mapping, and so its tables, grow with the domain.
    const Parsed simple = parsed(simple_guest(0x400000));
    const auto layout = plan_pv_layout(simple.image, 0, 1024ull * 1024 * kPagesPerMiB);
    ASSERT_TRUE(layout) << layout.error().what();
    check_rules(*layout, 1024ull * 1024 * kPagesPerMiB);
    EXPECT_GT(layout->tables.l1, 1024u);
    EXPECT_EQ(layout->tables.l2, 3u);
}

TEST(PvLayout, SmallestDomain) {
    for (const TestElf& elf : {linux_like(), simple_guest()}) {
        const Parsed kernel = parsed(elf);
        const auto least = least_pages(kernel.image, 5 * kMiB);
        ASSERT_TRUE(least);
        EXPECT_TRUE(plan_pv_layout(kernel.image, 5 * kMiB, *least));
        const auto layout = plan_pv_layout(kernel.image, 5 * kMiB, *least - 1);
        ASSERT_FALSE(layout);
        EXPECT_EQ(layout.error().code(), ErrorCode::TooLarge);
        EXPECT_TRUE(layout.error().what().contains("larger than the domain's memory")) << layout.error().what();
    }
}

TEST(PvLayout, SizesThatMakeNoSense) {
    const Parsed kernel = parsed(linux_like());
    EXPECT_FALSE(plan_pv_layout(kernel.image, 0, 0));
    EXPECT_FALSE(plan_pv_layout(kernel.image, 0, ~0ull));
    EXPECT_FALSE(plan_pv_layout(kernel.image, ~0ull, 1000));
    EXPECT_FALSE(least_pages(kernel.image, ~0ull));
}

TEST(PvLayout, KernelsThatCannotBePvGuests) {
    const auto refused = [](const Bytes& notes) {
        TestElf elf = simple_guest();
        elf.notes = notes;
        const Parsed kernel = parsed(elf);
        return code_of(plan_pv_layout(kernel.image, 0, 64 * kPagesPerMiB));
    };
    constexpr std::uint64_t kBase = 0xffffffff80000000;
    const Bytes good = note(ElfNote::VirtBase, kBase) + note(ElfNote::Entry, kBase + 0x100010);
    EXPECT_EQ(refused({}), ErrorCode::NotBootable);
    EXPECT_EQ(refused(note(ElfNote::Phys32Entry, 0x100000)), ErrorCode::NotBootable);
    EXPECT_EQ(refused(good + note(ElfNote::XenVersion, "xen-9")), ErrorCode::NotBootable);
    EXPECT_EQ(refused(good + note(ElfNote::Loader, "mine")), ErrorCode::NotBootable);
    EXPECT_EQ(refused(good + note(ElfNote::Features, "!auto_translated_physmap")), ErrorCode::NotBootable);
    EXPECT_EQ(refused(good + note(ElfNote::Features, "!dom0")), ErrorCode::NotBootable);
    EXPECT_EQ(refused(good + note(ElfNote::Entry, 0)), ErrorCode::NotBootable);
    EXPECT_EQ(refused(good + note(ElfNote::Entry, kBase + 0x110000)), ErrorCode::NotBootable);
    EXPECT_EQ(refused(good + note(ElfNote::HypercallPage, kBase + 0x100010)), ErrorCode::NotBootable);
    EXPECT_EQ(refused(good + note(ElfNote::HypercallPage, kBase)), ErrorCode::NotBootable);
    EXPECT_EQ(refused(good + note(ElfNote::InitP2m, kBase + 0x1000)), ErrorCode::NotBootable);
    EXPECT_EQ(refused(good + note(ElfNote::InitP2m, 0xffff800000000000)), ErrorCode::NotBootable);
    EXPECT_EQ(refused(good + note(ElfNote::InitP2m, 0x0000800000000000)), ErrorCode::NotBootable);
    EXPECT_EQ(refused(good + note(ElfNote::InitP2m, 0x8000000010)), ErrorCode::NotBootable);
    EXPECT_EQ(refused(good + note(ElfNote::VirtBase, kBase + 1)), ErrorCode::NotBootable);
    EXPECT_EQ(refused(good + note(ElfNote::PaddrOffset, 0x200000)), ErrorCode::NotBootable);
    EXPECT_EQ(refused(note(ElfNote::PaddrOffset, 0) + note(ElfNote::Entry, 0x100010)), ErrorCode::NotBootable);
    // The mapping would run out of the address space, or through the hypervisor.
    constexpr std::uint64_t kHigh = 0xfffffffffffff000 - 0x100000;
    EXPECT_EQ(refused(note(ElfNote::VirtBase, kHigh) + note(ElfNote::Entry, kHigh + 0x100010)), ErrorCode::TooLarge);
    constexpr std::uint64_t kHole = 0xffff880000000000 - 0x1000;
    EXPECT_EQ(refused(note(ElfNote::VirtBase, kHole) + note(ElfNote::Entry, kHole + 0x100010)), ErrorCode::TooLarge);
}

TEST(PvLayout, KernelFarAway) {
    TestElf elf = simple_guest();
    elf.segments[0].physical = 0xfffffffff0000000;
    elf.notes = note(ElfNote::VirtBase, 0) + note(ElfNote::Entry, 0xfffffffff0000010);
    const Parsed kernel = parsed(elf);
    EXPECT_EQ(code_of(plan_pv_layout(kernel.image, 0, 64 * kPagesPerMiB)), ErrorCode::TooLarge);
}

TEST(PageTableCounts, SharedTablesCountOnce) {
    const MappedRange initial{0x8000000000, {Pfn{0}, 1024}};
    const auto near = count_page_tables(initial, MappedRange{0x8000600000, {Pfn{2000}, 10}});
    EXPECT_EQ(near.l1, 3u);
    EXPECT_EQ(near.l2, 1u);
    EXPECT_EQ(near.l3, 1u);
    const auto same =
        count_page_tables(MappedRange{0x8000000000, {Pfn{0}, 700}}, MappedRange{0x80003ff000, {Pfn{2000}, 10}});
    EXPECT_EQ(same.l1, 3u);
    EXPECT_EQ(same.total(), 6u);
}

}  // namespace
}  // namespace hvctl::test
