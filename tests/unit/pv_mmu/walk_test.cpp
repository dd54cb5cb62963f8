// The way down a tree of page tables, in a format with large pages.
#include "hv/x86/paging/walk.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstdint>

namespace {

using namespace hv::x86;
using hv::Mfn;

// Frame n is table n.
struct Format {
    using Entry = Pte;
    static constexpr unsigned kLevels = kTableLevels;
    static inline std::array<std::array<Pte, kEntriesPerTable>, 6> tables;
    static Pte* table(Mfn frame) { return tables.at(frame.raw).data(); }
    static bool leads_on(Pte entry, unsigned level) {
        return is_present(entry) && (level == kLevels || !(entry & kPteLarge));
    }
    static Mfn frame(Pte entry) { return frame_in(entry); }
};

class Walk : public testing::Test {
  protected:
    static constexpr std::uint64_t kAddress = (3ull << 39) | (7ull << 30) | (511ull << 21) | (9ull << 12) | 0x123;
    static constexpr Mfn kRoot{0};

    void SetUp() override {
        for (auto& table : Format::tables) table.fill(0);
        Format::tables[0][3] = make_pte(Mfn{1}, kPtePresent);
        Format::tables[1][7] = make_pte(Mfn{2}, kPtePresent);
        Format::tables[2][511] = make_pte(Mfn{3}, kPtePresent);
        Format::tables[3][9] = make_pte(Mfn{0x1234}, kPtePresent | kPtePat);  // the bit of large pages, elsewhere
    }
};

TEST_F(Walk, ToThePage) {
    const auto end = walk<Format>(kRoot, kAddress);
    EXPECT_EQ(end.level, 1u);
    EXPECT_EQ(end.place, &Format::tables[3][9]);
    EXPECT_EQ(frame_in(end.entry), Mfn{0x1234});
}

TEST_F(Walk, AsFarAsIsAskedFor) {
    for (unsigned lowest = 1; lowest <= kTableLevels; ++lowest) {
        const auto end = walk<Format>(kRoot, kAddress, lowest);
        EXPECT_EQ(end.level, lowest);
        EXPECT_EQ(end.place, &Format::tables[kTableLevels - lowest][index_in(lowest, kAddress)]);
    }
}

TEST_F(Walk, EndsWhereNothingIs) {
    for (unsigned level = kTableLevels; level > 1; --level) {
        SetUp();
        Pte& entry = Format::tables[kTableLevels - level][index_in(level, kAddress)];
        entry &= ~kPtePresent;
        const auto end = walk<Format>(kRoot, kAddress);
        EXPECT_EQ(end.level, level);
        EXPECT_EQ(end.place, &entry);
        EXPECT_FALSE(is_present(end.entry));
    }
}

TEST_F(Walk, EndsAtALargePage) {
    Format::tables[1][7] |= kPteLarge;
    const auto end = walk<Format>(kRoot, kAddress);
    EXPECT_EQ(end.level, 3u);
    EXPECT_EQ(bytes_per_entry(end.level), 1ull << 30);
}

TEST_F(Walk, AddressesWithSignBitsFindTheirSlot) {
    EXPECT_EQ(index_in(4, 0xffff'8300'0000'0000), 262u);
    EXPECT_EQ(index_in(4, ~std::uint64_t{0}), 511u);
    EXPECT_EQ(index_in(1, ~std::uint64_t{0}), 511u);
}

}  // namespace
