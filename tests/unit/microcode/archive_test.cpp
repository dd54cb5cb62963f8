#include <gtest/gtest.h>

#include "tests/unit/microcode/files.hpp"

namespace hv::x86 {
namespace {

const File kIntel(1024, std::byte{1}), kAmd(333, std::byte{2});

File archive() {
    return cpio_file({{"kernel", {}},
                      {"kernel/x86/microcode/AuthenticAMD.bin", kAmd},
                      {"kernel/x86/microcode/GenuineIntel.bin", kIntel}});
}

bool same(Bytes found, const File& wanted) {
    return std::ranges::equal(found, wanted);
}

TEST(MicrocodeArchive, EachVendorsFile) {
    File file = archive();
    EXPECT_TRUE(same(find_microcode(file, Vendor::Intel), kIntel));
    EXPECT_TRUE(same(find_microcode(file, Vendor::Amd), kAmd));
    EXPECT_TRUE(find_microcode(file, Vendor::Hygon).empty());
    EXPECT_TRUE(find_microcode(file, Vendor::Other).empty());
    append(file, File(5000, std::byte{0xfd}));  // the rest of an initrd
    EXPECT_TRUE(same(find_microcode(file, Vendor::Intel), kIntel));
}

TEST(MicrocodeArchive, OthersHaveNone) {
    EXPECT_TRUE(find_microcode({}, Vendor::Intel).empty());
    EXPECT_TRUE(find_microcode(File(4096, std::byte{0x1f}), Vendor::Intel).empty());
    EXPECT_TRUE(find_microcode(cpio_file({{"init", kIntel}}), Vendor::Intel).empty());
    File behind = cpio_file({{"init", kIntel}});
    append(behind, archive());
    EXPECT_TRUE(find_microcode(behind, Vendor::Intel).empty()) << "only the first archive is looked through";
}

TEST(MicrocodeArchive, SizesThatLie) {
    const File good = archive();
    for (std::size_t size = 0; size < good.size(); ++size) {
        const File cut{good.begin(), good.begin() + static_cast<long>(size)};
        const Bytes found = find_microcode(cut, Vendor::Intel);
        ASSERT_TRUE(found.empty() || same(found, kIntel)) << size;
    }
    // Sizes of 0xffffffff and of no digits, of the file and of its name.
    for (std::size_t offset : {6 + 6 * 8, 6 + 11 * 8})
        for (char digit : {'f', 'x', '0'}) {
            File bad = good;
            for (std::size_t i = 0; i < 8; ++i) bad[offset + i] = static_cast<std::byte>(digit);
            const Bytes found = find_microcode(bad, Vendor::Intel);
            EXPECT_TRUE(found.empty() || same(found, kIntel)) << offset << digit;
        }
}

}  // namespace
}  // namespace hv::x86
