// What is shown again must not make the terminal answer.
#include "console/replay.hpp"

#include <gtest/gtest.h>

namespace hvctl::cli::test {
namespace {

std::string replayed(const std::string& text, std::size_t old, std::size_t piece) {
    Replay replay(old);
    std::string out;
    for (std::size_t at = 0; at < text.size(); at += piece) out += replay.next(text.substr(at, piece));
    return out;
}

TEST(ReplayTest, QuestionsAreTakenOutHoweverTheyAreCut) {
    const std::string text = "# \x1b[6n\x1b[31mred\x1b[0m\x1b[c\x1b[?25h\x1b[>0c\x1b[14t\x1b[?1$p\x1bZ\x05\x1bMup\r\n";
    for (std::size_t piece = 1; piece <= text.size(); ++piece) {
        EXPECT_EQ(replayed(text, text.size(), piece), "# \x1b[31mred\x1b[0m\x1b[?25h\x1bMup\r\n") << piece;
    }
}

TEST(ReplayTest, WhatIsNewStaysAsItIs) {
    EXPECT_EQ(replayed("\x1b[6n\x1b[6n", 4, 3), "\x1b[6n");
    EXPECT_EQ(replayed("\x1b[6n", 2, 1), "\x1b[6n");
    EXPECT_EQ(replayed("\x1b[6n\x05", 0, 2), "\x1b[6n\x05");
}

TEST(ReplayTest, NothingIsHeldBackForEver) {
    const std::string endless = "\x1b[" + std::string(1000, '1');
    EXPECT_EQ(replayed(endless, endless.size(), 7), endless);
    EXPECT_EQ(replayed("\x1b[1\x01x", 5, 1), "\x1b[1\x01x");
}

}  // namespace
}  // namespace hvctl::cli::test
