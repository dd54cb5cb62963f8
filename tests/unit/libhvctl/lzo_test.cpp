#include "lzo.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "decompress.hpp"
#include "image_maker.hpp"

namespace hvctl::test {
namespace {

// Text, bytes that do not repeat, and zeros: what `lzop -9` made of kOriginal, every kind of match among it.
constexpr char kLzop[] =
    "\x89\x4c\x5a\x4f\x00\x0d\x0a\x1a\x0a\x10\x40\x20\xa0\x09\x40\x03"
    "\x09\x03\x00\x00\x01\x00\x00\x81\xa4\x6b\x03\x7c\xef\x00\x00\x00"
    "\x00\x05\x66\x2e\x62\x69\x6e\x53\x30\x06\x3a\x00\x00\x06\x9d\x00"
    "\x00\x00\x8a\xf3\x51\x11\x31\x38\x68\x76\x20\x6c\x6f\x61\x64\x73"
    "\x20\x6b\x65\x72\x6e\x65\x6c\x73\x20\x6f\x66\x20\x65\x76\x65\x72"
    "\x79\x20\x63\x6f\x6d\x70\x72\x65\x73\x73\x69\x6f\x6e\x2e\x20\x20"
    "\x00\x8d\x98\x00\x00\x2e\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09"
    "\x0a\x0b\x0c\x0d\x0e\x0f\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19"
    "\x1a\x1b\x1c\x1d\x1e\x1f\x20\x21\x22\x23\x24\x25\x26\x27\x28\x29"
    "\x2a\x2b\x2c\x2d\x2e\x2f\x30\x31\x32\x33\x34\x35\x36\x37\x38\x39"
    "\x3a\x3b\x3c\x3d\x3e\x3f\x32\x9a\x01\x61\x6e\x03\x19\x61\x67\x65"
    "\x0c\x20\x20\xc7\x71\x00\x00\x20\x00\x00\x00\x65\x00\x00\x11\x00"
    "\x00\x00\x00\x00\x00";

Bytes original() {
    std::string text;
    for (int i = 0; i < 12; ++i) text += "hv loads kernels of every compression. ";
    for (int i = 0; i < 64; ++i) text += static_cast<char>(i);
    for (int i = 0; i < 9; ++i) text += "hv loads kernels of any age. ";
    text.append(900, '\0');
    const auto bytes = std::as_bytes(std::span{text});
    return {bytes.begin(), bytes.end()};
}

std::span<const std::byte> lzop_file() {
    return std::as_bytes(std::span{kLzop, sizeof kLzop - 1});
}

TEST(Lzo, ReadsWhatLzopWrites) {
    const Bytes expected = original();
    Bytes output(expected.size() + 10);
    const auto size = decompress_lzop(lzop_file(), output);
    ASSERT_TRUE(size) << size.error().what();
    output.resize(*size);
    EXPECT_EQ(output, expected);
}

TEST(Lzo, DamageNeverReachesOutside) {
    for (std::size_t at = 0; at < lzop_file().size(); ++at) {
        for (const std::byte mask : {std::byte{0x01}, std::byte{0x80}, std::byte{0xff}}) {
            Bytes damaged{lzop_file().begin(), lzop_file().end()};
            damaged[at] ^= mask;
            Bytes output(4096);
            static_cast<void>(decompress_lzop(damaged, output).has_value());
        }
    }
}

TEST(Lzo, ChecksumIsChecked) {
    // A literal: nothing else could notice.
    Bytes file{lzop_file().begin(), lzop_file().end()};
    const auto literal = std::ranges::search(file, std::as_bytes(std::span{"every", 5}));
    ASSERT_FALSE(literal.empty());
    *literal.begin() ^= std::byte{1};
    Bytes output(4096);
    const auto size = decompress_lzop(file, output);
    ASSERT_FALSE(size);
    EXPECT_TRUE(size.error().what().contains("checksum")) << size.error().what();
}

TEST(Lzo, EveryTruncationIsAnError) {
    const auto file = lzop_file();
    for (std::size_t size = 0; size < file.size(); ++size) {
        Bytes output(4096);
        EXPECT_FALSE(decompress_lzop(file.first(size), output)) << size;
    }
}

TEST(Lzo, OutputThatIsTooSmallIsFilledUp) {
    Bytes output(100);
    const auto size = decompress_lzop(lzop_file(), output);
    ASSERT_TRUE(size);
    EXPECT_EQ(*size, output.size());
}

}  // namespace
}  // namespace hvctl::test
