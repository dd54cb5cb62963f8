#include <gtest/gtest.h>

#include <memory>

#include "hv/x86/dom0/kernel_image.hpp"

namespace hv::x86 {
namespace {

constexpr std::uint64_t kBase = 0xffff'ffff'8000'0000;

class WholePagesTest : public testing::Test {
  protected:
    struct alignas(kPageSize) File {
        std::byte bytes[16 * kPageSize];
    };

    void add(std::uint64_t offset_in_memory, std::uint64_t offset_in_file, std::uint64_t size) {
        kernel.segments[kernel.segment_count++] = {
            kBase + offset_in_memory, size + kPageSize,
            std::span<const std::byte>{file->bytes}.subspan(offset_in_file, size)};
    }
    WholePagesOfSegments found() {
        kernel.virt_base = kBase;
        return whole_pages(kernel);
    }
    void expect(const WholePages& run, std::uint64_t pfn, std::uint64_t count, std::uint64_t page_of_file) {
        EXPECT_EQ(run.pfn, pfn);
        EXPECT_EQ(run.count, count);
        EXPECT_EQ(run.from, file->bytes + page_of_file * kPageSize);
    }

    std::unique_ptr<File> file = std::make_unique<File>();
    KernelImage kernel;
};

TEST_F(WholePagesTest, AreThoseThatOneSegmentFills) {
    add(16 * kPageSize, kPageSize, 3 * kPageSize);
    add(20 * kPageSize + 8, 5 * kPageSize + 8, 3 * kPageSize);
    const auto pages = found();
    ASSERT_EQ(pages.count, 2u);
    expect(pages.runs[0], 16, 3, 1);
    expect(pages.runs[1], 21, 2, 6);
}

TEST_F(WholePagesTest, DoNotExistWhereFileAndMemoryAreOffset) {
    add(16 * kPageSize, kPageSize + 16, 3 * kPageSize);
    EXPECT_EQ(found().count, 0u);
}

TEST_F(WholePagesTest, DoNotExistInSegmentsWithinAPage) {
    add(16 * kPageSize, kPageSize, kPageSize - 1);
    add(17 * kPageSize, 0, 0);
    add(18 * kPageSize + 1, 4 * kPageSize + 1, kPageSize);
    EXPECT_EQ(found().count, 0u);
}

TEST_F(WholePagesTest, AreInOnePlaceOnlyWhenSegmentsShareAPartOfTheFile) {
    add(16 * kPageSize, kPageSize, 3 * kPageSize);
    add(32 * kPageSize, 3 * kPageSize, 3 * kPageSize);
    const auto pages = found();
    ASSERT_EQ(pages.count, 1u);
    expect(pages.runs[0], 16, 3, 1);
}

TEST_F(WholePagesTest, AreInOnePlaceOnlyWhenSegmentsOverlapInMemory) {
    add(16 * kPageSize, kPageSize, 3 * kPageSize);
    add(18 * kPageSize, 5 * kPageSize, 3 * kPageSize);
    add(8 * kPageSize, 9 * kPageSize, 2 * kPageSize);
    EXPECT_EQ(found().count, 1u);
}

}  // namespace
}  // namespace hv::x86
