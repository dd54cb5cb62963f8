#include "terminal.hpp"

#include <gtest/gtest.h>

namespace hvctl::cli {
namespace {

TEST(SafeForTerminal, KeepsTextTabsLinesAndColours) {
    EXPECT_EQ(safe_for_terminal("a\tb\nc \xc3\xbc"), "a\tb\nc \xc3\xbc");
    EXPECT_EQ(safe_for_terminal("\x1b[1;32mok\x1b[0m"), "\x1b[1;32mok\x1b[0m\x1b[0m");
}

TEST(SafeForTerminal, DropsWhatDrivesTheTerminal) {
    EXPECT_EQ(safe_for_terminal("a\x1b[6nb"), "ab");               // asks for the cursor's position
    EXPECT_EQ(safe_for_terminal("a\x1b[cb\x1bZ"), "ab");           // asks what terminal it is
    EXPECT_EQ(safe_for_terminal("a\x1b]0;title\ab"), "ab");        // sets the title
    EXPECT_EQ(safe_for_terminal("a\x1b]52;c;cm0=\x1b\\b"), "ab");  // fills the clipboard
    EXPECT_EQ(safe_for_terminal("a\x1bP$q\"p\x1b\\b"), "ab");      // asks for a setting
    EXPECT_EQ(safe_for_terminal("a\x1b[2J\x1b[Hb\x1b(Bc\x1b"
                                "c"),
              "abc");  // clears, moves, resets
    EXPECT_EQ(safe_for_terminal("a\r\b\x7f\x05z"), "az");
    EXPECT_EQ(safe_for_terminal("a\xc2\x9b"
                                "6nb"),
              "a6nb");                                         // the control as one 8-bit character
    EXPECT_EQ(safe_for_terminal("a\x9bz"), "a\xef\xbf\xbdz");  // and as a bare byte
}

TEST(SafeForTerminal, SurvivesSequencesThatAreCut) {
    EXPECT_EQ(safe_for_terminal("a\x1b"), "a");
    EXPECT_EQ(safe_for_terminal("a\x1b["), "a");
    EXPECT_EQ(safe_for_terminal("a\x1b]0;never ends\nb"), "a\nb");
    EXPECT_EQ(safe_for_terminal("a\x1b[31"), "a");
}

TEST(TerminalPaint, IsPlainWithoutColours) {
    EXPECT_EQ(Terminal{}.paint("x", Colour::Red), "x");
    Terminal colourful{.is_tty = true, .colours = true, .width = 80};
    EXPECT_EQ(colourful.paint("x", Colour::Red), "\x1b[31mx\x1b[0m");
    EXPECT_EQ(colourful.paint("x", Colour::None), "x");
}

}  // namespace
}  // namespace hvctl::cli
