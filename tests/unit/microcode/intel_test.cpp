#include <gtest/gtest.h>

#include "tests/unit/microcode/files.hpp"

namespace hv::x86 {
namespace {

constexpr MicrocodeTarget kSkylake = {Vendor::Intel, 0x0005'0654, 1u << 0, 0x0200'005e};

Error refusal(const File& file, const MicrocodeTarget& target = kSkylake) {
    const auto chosen = choose_microcode(file, target, true);
    EXPECT_FALSE(chosen) << chosen->revision;
    return chosen ? Error::Restart : chosen.error();
}

TEST(IntelMicrocode, TheNewestOfThoseThatFit) {
    File file = intel_file({.revision = 0x0200'0064});
    append(file, intel_file({.revision = 0x0200'006e}));
    append(file, intel_file({.processor = {0x0005'0657, 0xbf}, .revision = 0x0500'3707}));
    append(file, intel_file({.revision = 0x0200'0065}));
    const auto chosen = choose_microcode(file, kSkylake, true);
    ASSERT_TRUE(chosen);
    EXPECT_EQ(chosen->revision, 0x0200'006eu);
    EXPECT_EQ(chosen->date, 0x0710'2024u);
    EXPECT_EQ(chosen->patch.data(), file.data() + 1024);
    EXPECT_EQ(chosen->patch.size(), 1024u);
}

TEST(IntelMicrocode, RevisionsNeverGoDownwards) {
    EXPECT_EQ(refusal(intel_file({.revision = 0x0200'005e})), Error::Exists);
    EXPECT_EQ(refusal(intel_file({.revision = 0x0200'005d})), Error::Exists);
    EXPECT_TRUE(choose_microcode(intel_file({.revision = 0x0200'005f}), kSkylake, true));
}

TEST(IntelMicrocode, PlatformsAndSignatures) {
    EXPECT_EQ(refusal(intel_file({.processor = {0x0005'0654, 0xb6}})), Error::NoEntry);
    EXPECT_TRUE(choose_microcode(intel_file({.processor = {0x0005'0654, 0}}), kSkylake, true)) << "any platform";
    EXPECT_EQ(refusal(intel_file({.processor = {0x0005'0655, 0xb7}})), Error::NoEntry);
    const IntelUpdate listed = {.processor = {0x0005'0651, 1}, .others = {{0x0005'0652, 1}, {0x0005'0654, 0xb7}}};
    EXPECT_TRUE(choose_microcode(intel_file(listed), kSkylake, true));
    const IntelUpdate others = {.processor = {0x0005'0651, 1}, .others = {{0x0005'0652, 1}, {0x0005'0654, 0xb6}}};
    EXPECT_EQ(refusal(intel_file(others)), Error::NoEntry);
}

TEST(IntelMicrocode, BroadwellServersTakeSomeOnlyEarly) {
    const File file = intel_file({.processor = {0x0004'06f1, 0xef}, .revision = 0x0b00'0040});
    MicrocodeTarget target = {Vendor::Intel, 0x0004'06f1, 1, 0x0b00'0014};
    EXPECT_EQ(refusal(file, target), Error::NotSupported);
    EXPECT_TRUE(choose_microcode(file, target, false));
    target.revision = 0x0b00'0021;
    EXPECT_TRUE(choose_microcode(file, target, true));
}

TEST(IntelMicrocode, AllThatIsWrongIsFound) {
    const File good = intel_file({.others = {{0x0005'0652, 1}}});
    ASSERT_TRUE(choose_microcode(good, kSkylake, true));
    EXPECT_EQ(refusal({}), Error::BadArgument);
    for (std::size_t size = 1; size < good.size(); ++size)
        ASSERT_EQ(refusal(File{good.begin(), good.begin() + static_cast<long>(size)}), Error::BadArgument) << size;
    // Every bit of header, data and table is under a sum, or is nothing but filling.
    const std::size_t used = 48 + 976 + 20 + 12;
    for (std::size_t bit = 0; bit < used * 8; ++bit) {
        File bad = good;
        bad[bit / 8] ^= static_cast<std::byte>(1u << (bit % 8));
        ASSERT_EQ(refusal(bad), Error::BadArgument) << bit;
    }
    File more = good;
    more.resize(more.size() + 16);
    EXPECT_EQ(refusal(more), Error::BadArgument) << "rubbish behind it";
}

TEST(IntelMicrocode, SizesThatLie) {
    struct Lie {
        std::size_t offset;
        std::uint32_t value;
    };
    for (const Lie& lie : {Lie{28, 0xffff'fffc}, Lie{28, 0xffff'ffd0}, Lie{28, 1024 - 47}, Lie{28, 977}, Lie{32, 0},
                           Lie{32, 0xffff'fc00}, Lie{32, 2048}, Lie{32, 1000}}) {
        File file = intel_file({});
        set_word(file, lie.offset, lie.value);
        make_sum_zero(file, 0, file.size(), 16);
        EXPECT_EQ(refusal(file), Error::BadArgument) << lie.offset << " " << lie.value;
    }
    File old = intel_file({.data_bytes = 2000});
    set_word(old, 28, 0);
    set_word(old, 32, 0);
    make_sum_zero(old, 0, old.size(), 16);
    EXPECT_TRUE(choose_microcode(old, kSkylake, true)) << "of before there were sizes";
    for (std::uint32_t count : {0u, 86u, 0x1555'5555u, 0xffff'ffffu}) {
        File table = intel_file({.others = {{0x0005'0652, 1}}});
        set_word(table, 1024, count);
        make_sum_zero(table, 1024, 1024 + 32, 1024 + 4);
        const auto chosen = choose_microcode(table, kSkylake, true);
        EXPECT_TRUE(!chosen && chosen.error() == Error::BadArgument) << count;
    }
}

}  // namespace
}  // namespace hv::x86
