#include "text.hpp"

#include <gtest/gtest.h>

#include "table.hpp"

namespace hvctl::cli {
namespace {

TEST(Text, RecognisesUtf8) {
    EXPECT_TRUE(is_utf8("plain"));
    EXPECT_TRUE(
        is_utf8("gr\xc3\xbc\xc3\x9f"
                "e \xe6\xbc\xa2 \xf0\x9f\x90\xa7"));
    EXPECT_FALSE(is_utf8("\xff"));
    EXPECT_FALSE(is_utf8("cut \xe6\xbc"));
    EXPECT_FALSE(is_utf8("overlong \xc0\xaf"));
    EXPECT_FALSE(is_utf8("surrogate \xed\xa0\x80"));
    EXPECT_FALSE(is_utf8("beyond \xf4\x90\x80\x80"));
}

TEST(Text, CountsColumns) {
    EXPECT_EQ(display_width("web1"), 4u);
    EXPECT_EQ(display_width("gr\xc3\xbcn"), 4u);
    EXPECT_EQ(display_width("u\xcc\x88"), 1u);                 // u and a combining diaeresis
    EXPECT_EQ(display_width("\xe6\xbc\xa2\xe5\xad\x97"), 4u);  // two wide characters
    EXPECT_EQ(display_width("\xff"), 1u);
}

TEST(Text, CutsWithAMark) {
    EXPECT_EQ(cut("web1", 4), "web1");
    EXPECT_EQ(cut("web10", 4), "web~");
    EXPECT_EQ(cut("\xe6\xbc\xa2\xe5\xad\x97\xe6\xbc\xa2", 4), "\xe6\xbc\xa2~");  // never half a character
    EXPECT_EQ(cut("web1", 1), "~");
    EXPECT_EQ(cut("web1", 0), "");
}

TEST(Text, WrapsAtSpaces) {
    EXPECT_EQ(wrap("one two three", 9, 0), "one two\nthree");
    EXPECT_EQ(wrap("one two three", 12, 4), "one two\n    three");
    EXPECT_EQ(wrap("unbreakable", 4, 0), "unbreakable");
    EXPECT_EQ(wrap("", 10, 2), "");
}

TEST(Text, WritesNumbersForPeople) {
    EXPECT_EQ(format_bytes(0), "0 B");
    EXPECT_EQ(format_bytes(256ull << 20), "256 MiB");
    EXPECT_EQ(format_bytes(1536ull << 20), "1.5 GiB");
    EXPECT_EQ(format_seconds(12'399'999'999), "12.3");
    EXPECT_EQ(format_seconds(0), "0.0");
    EXPECT_EQ(format_span(42'000'000'000), "42 s");
    EXPECT_EQ(format_span(3'660'000'000'000), "1 h 1 min");
    EXPECT_EQ(format_span((3 * 86400ull + 60) * 1'000'000'000), "3 d 0 h 1 min");
}

TEST(Text, ParsesWholeNumbersOnly) {
    EXPECT_EQ(parse_number("42"), 42u);
    EXPECT_EQ(parse_number("18446744073709551615"), UINT64_MAX);
    for (const char* bad : {"", "-1", "+1", "1x", "0x10", "18446744073709551616", " 1"})
        EXPECT_FALSE(parse_number(bad)) << bad;
}

TEST(Table, LeavesOutWhatItCanDoWithoutAtTheVeryLast) {
    Table table({{"Job", Align::Right}, {"Domain"}, {.title = "Progress", .last_resort = true}});
    table.add({{"12345"}, {"a-long-name"}, {"build 30 %"}});
    const auto first_line = [&](std::size_t width) {
        const std::string text = table.render({.is_tty = true, .colours = false, .width = width});
        return text.substr(0, text.find('\n'));
    };
    EXPECT_EQ(first_line(17), "  Job  Dom~  Pro~");
    EXPECT_EQ(first_line(16), "  Job  Dom~");
    EXPECT_EQ(table.render({.width = 1}), table.render({}));
}

Table three_columns() {
    Table table({{"Name"}, {"ID", Align::Right}, {.title = "Extra", .optional = true}});
    table.add({{"web1"}, {"12"}, {"yes"}});
    table.add({{"\xe6\xbc\xa2\xe5\xad\x97\xe6\xbc\xa2"}, {"-", Colour::Dim}, {""}});
    return table;
}

TEST(Table, AlignsWideCharactersAndTrimsLineEnds) {
    EXPECT_EQ(three_columns().render({}),
              "Name    ID  Extra\n"
              "web1    12  yes\n"
              "\xe6\xbc\xa2\xe5\xad\x97\xe6\xbc\xa2   -\n");
}

TEST(Table, LeavesOptionalColumnsOutOnANarrowTerminal) {
    std::string narrow = three_columns().render({.is_tty = true, .colours = false, .width = 12});
    EXPECT_EQ(narrow.substr(0, narrow.find('\n')), "Name    ID");
    EXPECT_EQ(three_columns().render({.is_tty = true, .colours = false, .width = 9}),
              "Name   ID\n"
              "web1   12\n"
              "\xe6\xbc\xa2\xe5\xad\x97~   -\n");
    std::string tiny = three_columns().render({.is_tty = true, .colours = false, .width = 1});
    EXPECT_EQ(tiny.substr(0, tiny.find('\n')), "Name  ID");                       // texts keep four columns
    EXPECT_EQ(three_columns().render({.width = 1}), three_columns().render({}));  // a pipe gets everything
    std::string wide = three_columns().render({.is_tty = true, .colours = false, .width = 17});
    EXPECT_EQ(wide.substr(0, wide.find('\n')), "Name    ID  Extra");
}

TEST(Table, ColoursDoNotCountAsWidth) {
    std::string painted = three_columns().render({.is_tty = true, .colours = true, .width = 80});
    EXPECT_NE(painted.find("\x1b[2m-\x1b[0m"), std::string::npos);
    EXPECT_EQ(three_columns().render({.is_tty = true, .colours = false, .width = 80}).find('\x1b'), std::string::npos);
}

}  // namespace
}  // namespace hvctl::cli
