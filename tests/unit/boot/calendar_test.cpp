#include "hv/x86/time/calendar.hpp"

#include <gtest/gtest.h>

#include <ctime>

namespace hv::x86 {
namespace {

TEST(Calendar, AgreesWithTheLibrary) {
    for (std::time_t now = 0; now < 5'000'000'000; now += 8'765'431) {
        std::tm parts{};
        gmtime_r(&now, &parts);
        EXPECT_EQ(
            seconds_since_1970(static_cast<unsigned>(parts.tm_year) + 1900, static_cast<unsigned>(parts.tm_mon) + 1,
                               static_cast<unsigned>(parts.tm_mday), static_cast<unsigned>(parts.tm_hour),
                               static_cast<unsigned>(parts.tm_min), static_cast<unsigned>(parts.tm_sec)),
            static_cast<std::uint64_t>(now));
    }
}

}  // namespace
}  // namespace hv::x86
