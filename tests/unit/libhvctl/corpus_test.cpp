// The fuzzer's seeds, without a fuzzer: what is a kernel loads, every prefix of it is refused or loads, nothing
// crashes.
#include <gtest/gtest.h>

#include <filesystem>

#include "hvctl/kernel_image.hpp"
#include "hvctl/pv_layout.hpp"
#include "hvctl/read_file.hpp"

namespace hvctl::test {
namespace {

constexpr std::uint64_t kMaxImage = 4 << 20;

TEST(KernelImageCorpus, SeedsLoadAndTheirPrefixesDoNoHarm) {
    std::size_t seeds = 0;
    for (const auto& entry : std::filesystem::directory_iterator{KERNEL_IMAGE_CORPUS}) {
        const auto file = read_file(entry.path(), kMaxImage);
        ASSERT_TRUE(file) << file.error().what();
        const auto image = parse_kernel(file->bytes(), kMaxImage);
        ASSERT_TRUE(image) << entry.path() << ": " << image.error().what();
        EXPECT_TRUE(plan_pv_layout(*image, 0, 64 * 256)) << entry.path();
        for (std::size_t size = 0; size < file->size(); size += 1 + file->size() / 31) {
            const auto prefix = parse_kernel(file->bytes().first(size), kMaxImage);
            if (prefix) static_cast<void>(plan_pv_layout(*prefix, 0, 64 * 256).has_value());
        }
        ++seeds;
    }
    EXPECT_GE(seeds, 18u);
}

}  // namespace
}  // namespace hvctl::test
