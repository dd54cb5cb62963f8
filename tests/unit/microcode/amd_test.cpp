#include <gtest/gtest.h>

#include "tests/unit/microcode/files.hpp"

namespace hv::x86 {
namespace {

constexpr MicrocodeTarget kMilan = {Vendor::Amd, 0x00a0'0f11, 0, 0x0a00'1173};

Error refusal(const File& file, const MicrocodeTarget& target = kMilan) {
    const auto chosen = choose_microcode(file, target, true);
    EXPECT_FALSE(chosen) << chosen->revision;
    return chosen ? Error::Restart : chosen.error();
}

TEST(AmdMicrocode, TheNewestOfThoseThatFit) {
    File file = amd_file({{0x0080'0f12, 0x8012}}, {{0x8012, 0x0800'126e}});
    append(file, amd_file({{0x00a0'0f10, 0xa010}, {0x00a0'0f11, 0xa011}},
                          {{0xa010, 0x0a00'10ff}, {0xa011, 0x0a00'11d5}, {0xa011, 0x0a00'11de}}));
    const auto chosen = choose_microcode(file, kMilan, true);
    ASSERT_TRUE(chosen);
    EXPECT_EQ(chosen->revision, 0x0a00'11deu);
    EXPECT_EQ(chosen->date, 0x0423'2025u);
    EXPECT_EQ(chosen->patch.data() + chosen->patch.size(), file.data() + file.size());
    EXPECT_TRUE(choose_microcode(file, {Vendor::Hygon, 0x00a0'0f11, 0, 0}, true));
}

TEST(AmdMicrocode, RevisionsNeverGoDownwards) {
    EXPECT_EQ(refusal(amd_file({{0x00a0'0f11, 0xa011}}, {{0xa011, 0x0a00'1173}})), Error::Exists);
    EXPECT_EQ(refusal(amd_file({{0x00a0'0f11, 0xa011}}, {{0xa011, 0x0a00'1100}})), Error::Exists);
}

TEST(AmdMicrocode, OfOthers) {
    EXPECT_EQ(refusal(amd_file({{0x00a0'0f12, 0xa012}}, {{0xa011, 0x0a00'11de}})), Error::NoEntry);
    EXPECT_EQ(refusal(amd_file({{0x00a0'0f11, 0xa011}}, {{0xa012, 0x0a00'12de}})), Error::NoEntry);
    EXPECT_EQ(refusal(amd_file({{0x00a0'0f11, 0xa011}}, {})), Error::NoEntry);
    EXPECT_EQ(refusal(amd_file({{0x00a0'0f11, 0xa011}}, {{0xa011, 0x0a00'11de, 0x1234}})), Error::NoEntry)
        << "for one chipset";
    EXPECT_EQ(refusal(amd_file({{0x00a0'0f11, 0}}, {{0, 0x0a00'11de}})), Error::NoEntry) << "0 is no number";
    EXPECT_EQ(refusal(intel_file({})), Error::BadArgument);
    const File file = amd_file({{0x00a0'0f11, 0xa011}}, {{0xa011, 0x0a00'11de}});
    EXPECT_EQ(refusal(file, {Vendor::Intel, 0x00a0'0f11, 1, 0}), Error::BadArgument);
    EXPECT_EQ(refusal(file, {Vendor::Centaur, 0x00a0'0f11, 1, 0}), Error::NotSupported);
}

TEST(AmdMicrocode, SizesThatLie) {
    const File good = amd_file({{0x00a0'0f11, 0xa011}}, {{0xa011, 0x0a00'11de}});
    EXPECT_EQ(refusal({}), Error::BadArgument);
    constexpr std::size_t kTableEnd = 12 + 32;  // a container of nothing but a table is none of its maker's
    for (std::size_t size = 0; size < good.size(); ++size) {
        const File cut{good.begin(), good.begin() + static_cast<long>(size)};
        ASSERT_EQ(refusal(cut), size == kTableEnd ? Error::NoEntry : Error::BadArgument) << size;
    }
    struct Lie {
        std::size_t offset;
        std::uint32_t value;
    };
    for (const Lie& lie :
         {Lie{0, 0}, Lie{4, 1}, Lie{8, 0}, Lie{8, 17}, Lie{8, 0xffff'fff0}, Lie{kTableEnd, 2}, Lie{kTableEnd, 0},
          Lie{kTableEnd + 4, 63}, Lie{kTableEnd + 4, 0xffff'ffff}, Lie{kTableEnd + 4, 324}}) {
        File file = good;
        set_word(file, lie.offset, lie.value);
        EXPECT_EQ(refusal(file), Error::BadArgument) << lie.offset << " " << lie.value;
    }
    File large = good;
    set_word(large, kTableEnd + 4, 64 * 1024);
    large.resize(kTableEnd + 8 + 64 * 1024);
    EXPECT_EQ(refusal(large), Error::BadArgument) << "more than any processor takes";
}

}  // namespace
}  // namespace hv::x86
