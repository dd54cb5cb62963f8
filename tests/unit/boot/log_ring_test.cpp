#include "hv/x86/console/log_ring.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <sstream>
#include <string>
#include <vector>

namespace hv::x86 {
namespace {

void append(LogRing& ring, std::string_view text, bool about_guest = false) {
    const std::string_view parts[] = {text.substr(0, 1), text.substr(1)};
    ring.append(parts, about_guest);
}

std::string read_all(const LogRing& ring, std::uint64_t& position, std::size_t piece = 1000) {
    std::string all;
    for (;;) {
        std::vector<char> part(piece);
        const LogRead read = ring.read(position, part);
        EXPECT_GE(read.position, position);
        EXPECT_EQ(read.next, read.position + read.length);
        position = read.next;
        if (read.length == 0) return all;
        all.append(part.data(), read.length);
    }
}

TEST(LogRing, ReadersGoOnWhereTheyStopped) {
    const auto ring = std::make_unique<LogRing>();
    std::uint64_t position = 0;
    EXPECT_EQ(read_all(*ring, position), "");
    append(*ring, "one\n");
    EXPECT_EQ(read_all(*ring, position), "one\n");
    append(*ring, "two\n", true);
    append(*ring, "three\n");
    EXPECT_EQ(read_all(*ring, position), "two\nthree\n");
    EXPECT_EQ(position, 14u);
    for (const std::size_t piece : {1u, 3u, 7u, 14u}) {
        position = 0;
        EXPECT_EQ(read_all(*ring, position, piece), "one\ntwo\nthree\n");
    }
}

TEST(LogRing, ALateReaderSeesWhatItLost) {
    const auto ring = std::make_unique<LogRing>();
    for (int i = 0; i < 20000; ++i) append(*ring, "0123456789");
    char part[10];
    const LogRead read = ring->read(5, part);
    EXPECT_GT(read.position, 200000 - LogRing::kSize);
    EXPECT_LT(read.position, 200000 - LogRing::kSize / 2);
    EXPECT_EQ(read.length, 10u);
    EXPECT_EQ(part[0], '0');
    EXPECT_EQ(part[9], '9');
}

TEST(LogRing, ClearHidesOnlyFromNewReaders) {
    const auto ring = std::make_unique<LogRing>();
    append(*ring, "old");
    ring->clear();
    append(*ring, "new");
    std::uint64_t fresh = 0, old = 1;
    EXPECT_EQ(read_all(*ring, fresh), "new");
    EXPECT_EQ(read_all(*ring, old), "ldnew");
    std::uint64_t future = 1000;
    EXPECT_EQ(ring->read(future, {}).position, 6u);
}

// Whatever guests do, and however often: what hv says of itself is there to be read, and all is in order.
TEST(LogRing, LinesAboutGuestsDisplaceNoneOfHvsOwn) {
    const auto ring = std::make_unique<LogRing>();
    constexpr unsigned kOwn = 500, kEach = 20;
    unsigned number = 1;
    for (unsigned own = 0; own < kOwn; ++own) {
        append(*ring, std::to_string(number++) + " hv\n");
        for (unsigned i = 0; i < kEach; ++i) append(*ring, std::to_string(number++) + " a guest's doing\n", true);
    }
    for (const std::size_t piece : {61u, 5000u}) {
        std::uint64_t position = 0;
        std::istringstream lines{read_all(*ring, position, piece)};
        unsigned own = 0, others = 0, last = 0;
        for (std::string line; std::getline(lines, line);) {
            std::istringstream words{line};
            unsigned now = 0;
            std::string who;
            words >> now >> who;
            ASSERT_GT(now, last) << line;
            last = now;
            who == "hv" ? ++own : ++others;
        }
        EXPECT_EQ(own, kOwn);
        EXPECT_GT(others, 1000u);
        EXPECT_EQ(last, number - 1);
    }
    // Nor the reverse.
    for (unsigned i = 0; i < 10'000; ++i) append(*ring, "one more line of hv's\n");
    std::uint64_t position = 0;
    EXPECT_NE(read_all(*ring, position).find("a guest's doing"), std::string::npos);
}

TEST(LogRing, LongLinesAreCutOff) {
    const auto ring = std::make_unique<LogRing>();
    append(*ring, std::string(2 * LogRing::kSize, 'x'), true);
    append(*ring, "after\n");
    std::uint64_t position = 0;
    EXPECT_EQ(read_all(*ring, position), std::string(LogRing::kLongest, 'x') + "after\n");
}

}  // namespace
}  // namespace hv::x86
