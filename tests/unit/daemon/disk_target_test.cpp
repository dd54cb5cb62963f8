#include "config/disk_target.hpp"

#include <gtest/gtest.h>

namespace hvctld::config {
namespace {

std::uint32_t number(std::string_view text) {
    const auto target = parse_disk_target(text);
    return target ? target->number() : 0;
}

// Numbers as Xen's vbd-interface.txt has them.
TEST(DiskTarget, NumbersAreThoseOfTheInterface) {
    EXPECT_EQ(number("xvda"), 51712u);
    EXPECT_EQ(number("xvda1"), 51713u);
    EXPECT_EQ(number("xvdb"), 51728u);
    EXPECT_EQ(number("xvdp15"), 51967u);
    EXPECT_EQ(number("xvda16"), (1u << 28) | 16);
    EXPECT_EQ(number("xvdq"), (1u << 28) | (16u << 8));
    EXPECT_EQ(number("xvdz3"), (1u << 28) | (25u << 8) | 3);
    EXPECT_EQ(number("xvdaa"), (1u << 28) | (26u << 8));
    EXPECT_EQ(number("xvdzz"), (1u << 28) | (701u << 8));
    EXPECT_EQ(number("sda"), 2048u);
    EXPECT_EQ(number("sdb2"), 2066u);
    EXPECT_EQ(number("hda"), 768u);
    EXPECT_EQ(number("hdb1"), 833u);
    EXPECT_EQ(number("hdc"), 5632u);
}

TEST(DiskTarget, WhatHasNoNumberIsNone) {
    for (const char* text : {"", "xvd", "xvd1", "xvdA", "xvda0", "xvda256", "xvda1x", "xvdaaa", "sdq", "sda16", "hde",
                             "hda64", "vda", "xvda-1", "xvda 1", "xvda00001"})
        EXPECT_FALSE(parse_disk_target(text)) << text;
}

TEST(DiskTarget, NamesCountOn) {
    EXPECT_EQ(xvd_name(0), "xvda");
    EXPECT_EQ(xvd_name(25), "xvdz");
    EXPECT_EQ(xvd_name(26), "xvdaa");
    EXPECT_EQ(xvd_name(kXvdNames - 1), "xvdzz");
    for (std::uint32_t disk = 0; disk < kXvdNames; ++disk) {
        const std::string name = xvd_name(disk);
        const auto parsed = parse_disk_target(name);
        ASSERT_TRUE(parsed) << name;
        EXPECT_EQ(parsed->disk, disk);
    }
}

TEST(DiskTarget, ADiskOverlapsItsPartitions) {
    const auto overlap = [](const char* one, const char* other) {
        return parse_disk_target(one)->overlaps(*parse_disk_target(other));
    };
    EXPECT_TRUE(overlap("xvda", "xvda1"));
    EXPECT_TRUE(overlap("xvda2", "xvda"));
    EXPECT_TRUE(overlap("xvda", "xvda"));
    EXPECT_FALSE(overlap("xvda1", "xvda2"));
    EXPECT_FALSE(overlap("xvda", "xvdb"));
    EXPECT_FALSE(overlap("xvda", "sda"));
}

}  // namespace
}  // namespace hvctld::config
