// Dates.
#pragma once

#include <cstdint>

namespace hv::x86 {

// Seconds from 1970-01-01 00:00:00 to a date of the Gregorian calendar, UTC, year >= 1970.
constexpr std::uint64_t seconds_since_1970(unsigned year, unsigned month, unsigned day, unsigned hour, unsigned minute,
                                           unsigned second) {
    // Years from March on, so that the leap day is the last one.
    const unsigned shifted_year = month > 2 ? year : year - 1;
    const unsigned shifted_month = month > 2 ? month - 3 : month + 9;
    const std::uint64_t days = std::uint64_t{shifted_year} * 365 + shifted_year / 4 - shifted_year / 100 +
                               shifted_year / 400 + (153 * shifted_month + 2) / 5 + day - 1 - 719'468;
    return ((days * 24 + hour) * 60 + minute) * 60 + second;
}
static_assert(seconds_since_1970(1970, 1, 1, 0, 0, 0) == 0);
static_assert(seconds_since_1970(2000, 2, 29, 23, 59, 59) == 951'868'799);
static_assert(seconds_since_1970(2026, 11, 22, 0, 0, 0) == 1'795'305'600);

}  // namespace hv::x86
