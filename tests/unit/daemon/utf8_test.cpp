// Whatever bytes the daemon has, its messages are UTF-8.
#include "bus/utf8.hpp"

#include "bus_testing.hpp"

namespace hvctld::test {
namespace {

#define REPLACED "\xEF\xBF\xBD"

TEST(Utf8, WhatIsUtf8Stays) {
    for (const std::string text : {"", "web1", "Z\xC3\xBCrich \xE2\x82\xAC \xF0\x9F\x90\xA7", "\xED\x9F\xBF"})
        EXPECT_EQ(bus::as_utf8(text), text);
}

TEST(Utf8, WhatIsNotIsReplaced) {
    EXPECT_EQ(bus::as_utf8("we\xFF"
                           "b"),
              "we" REPLACED "b");
    EXPECT_EQ(bus::as_utf8("\x80\xBF"), REPLACED REPLACED);                            // a character's rest alone
    EXPECT_EQ(bus::as_utf8("\xC3"), REPLACED);                                         // its beginning alone
    EXPECT_EQ(bus::as_utf8("\xE2\x82x"), REPLACED REPLACED "x");                       // cut short
    EXPECT_EQ(bus::as_utf8("\xC0\xAF"), REPLACED REPLACED);                            // longer than need be
    EXPECT_EQ(bus::as_utf8("\xE0\x80\xAF"), REPLACED REPLACED REPLACED);               // likewise
    EXPECT_EQ(bus::as_utf8("\xED\xA0\x80"), REPLACED REPLACED REPLACED);               // a surrogate
    EXPECT_EQ(bus::as_utf8("\xEF\xBF\xBE"), REPLACED REPLACED REPLACED);               // a noncharacter
    EXPECT_EQ(bus::as_utf8("\xF4\x90\x80\x80"), REPLACED REPLACED REPLACED REPLACED);  // beyond Unicode
    EXPECT_EQ(bus::as_utf8("\xFC\x80"), REPLACED REPLACED);
}

TEST_F(BusTest, AnOddRecordDoesNotFailAList) {
    JobRecord odd;
    odd.verb = Verb::Create;
    odd.domain =
        "we\xFF"
        "b";
    process->manager->jobs().add(odd, [](const JobRecord&) {}).start();
    process->settle();
    with_client([&](sd_bus* bus) {
        const Reply jobs = call(bus, "ListJobs", "");
        ASSERT_TRUE(jobs.message) << jobs.error_text;
        const Reply refused = call(bus, "GetDomain", "s", "none");
        EXPECT_EQ(refused.error_name, "org.hvctl1.Error.NoSuchDomain");
    });
}

}  // namespace
}  // namespace hvctld::test
