#include "hv/x86/boot/memory_map.hpp"

#include <gtest/gtest.h>

#include <random>

namespace hv::x86 {
namespace {

MemoryMap map_of(std::initializer_list<MemoryMapEntry> entries) {
    MemoryMap map;
    for (const auto& entry : entries) map.push(entry);
    return map;
}

void expect_sane(const MemoryMap& map) {
    for (std::size_t i = 0; i < map.size(); ++i) {
        EXPECT_GT(map[i].size, 0u);
        if (i == 0) continue;
        EXPECT_LE(map[i - 1].end(), map[i].start);
        if (map[i - 1].end() == map[i].start) {
            EXPECT_NE(map[i - 1].type, map[i].type);
        }
    }
}

TEST(MemoryMap, SortsAndMerges) {
    const auto sane = sanitise_memory_map(map_of(
        {{0x200000, 0x100000, MemoryType::Ram}, {0, 0x9fc00, MemoryType::Ram}, {0x100000, 0x100000, MemoryType::Ram}}));
    ASSERT_EQ(sane.size(), 2u);
    EXPECT_EQ(sane[0].end(), 0x9fc00u);
    EXPECT_EQ(sane[1].start, 0x100000u);
    EXPECT_EQ(sane[1].end(), 0x300000u);
    expect_sane(sane);
}

TEST(MemoryMap, CarefulTypeWinsAnOverlap) {
    const auto sane = sanitise_memory_map(map_of({{0, 0x10000, MemoryType::Ram},
                                                  {0x4000, 0x1000, MemoryType::Reserved},
                                                  {0x4800, 0x1000, MemoryType::AcpiNvs}}));
    ASSERT_EQ(sane.size(), 4u);
    EXPECT_EQ(sane[1].type, MemoryType::Reserved);
    EXPECT_EQ(sane[1].end(), 0x4800u);
    EXPECT_EQ(sane[2].type, MemoryType::AcpiNvs);
    EXPECT_EQ(sane[3].start, 0x5800u);
    expect_sane(sane);
}

TEST(MemoryMap, DropsEmptyAndWrappingEntries) {
    EXPECT_TRUE(
        sanitise_memory_map(map_of({{0x1000, 0, MemoryType::Ram}, {~0ull - 0xfff, 0x2000, MemoryType::Ram}})).empty());
}

TEST(MemoryMap, RandomMapsBecomeSaneAndKeepTheirTypes) {
    std::mt19937_64 random{7};
    for (int round = 0; round < 200; ++round) {
        MemoryMap map;
        for (int i = 0; i < 24; ++i)
            map.push({random() % 256 * 64, random() % 64 * 64, static_cast<MemoryType>(1 + random() % 5)});
        const auto sane = sanitise_memory_map(map);
        expect_sane(sane);
        for (std::uint64_t at = 0; at < 400 * 64; at += 64) {
            const auto covers = [at](const MemoryMapEntry& entry) { return entry.start <= at && at < entry.end(); };
            const bool before = std::any_of(map.begin(), map.end(), covers),
                       after = std::any_of(sane.begin(), sane.end(), covers);
            EXPECT_EQ(before, after);
            for (const auto& entry : sane) {
                if (!covers(entry) || entry.type != MemoryType::Ram) continue;
                EXPECT_TRUE(std::all_of(map.begin(), map.end(), [&](const auto& source) {
                    return !covers(source) || source.type == MemoryType::Ram;
                }));
            }
        }
    }
}

TEST(MemoryMap, RamIsWholeFrames) {
    const auto ranges = ram_ranges(map_of({{0x800, 0x9f400, MemoryType::Ram}, {0x100800, 0x400, MemoryType::Ram}}));
    ASSERT_EQ(ranges.size(), 1u);
    EXPECT_EQ(ranges[0], (MemoryRange{0x1000, 0x9f000}));
}

TEST(MemoryMap, ExcludeSplitsAndRoundsOutwards) {
    RangeList ranges;
    ranges.push({0, 0x10000});
    exclude(ranges, {0x4800, 0x5001});
    ASSERT_EQ(ranges.size(), 2u);
    EXPECT_EQ(ranges[0], (MemoryRange{0, 0x4000}));
    EXPECT_EQ(ranges[1], (MemoryRange{0x6000, 0x10000}));
    exclude(ranges, {0, 0x6000});
    ASSERT_EQ(ranges.size(), 1u);
    exclude(ranges, {0x20000, 0x30000});
    EXPECT_EQ(ranges[0], (MemoryRange{0x6000, 0x10000}));
    exclude(ranges, {0, 0x100000});
    EXPECT_TRUE(ranges.empty());
}

}  // namespace
}  // namespace hv::x86
