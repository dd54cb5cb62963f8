#include "hv/x86/time/cmos_clock.hpp"

#include "hv/x86/acpi/acpi.hpp"
#include "hv/x86/cpu/io.hpp"
#include "hv/x86/time/calendar.hpp"

namespace hv::x86 {
namespace {

struct Reading {
    std::uint8_t second, minute, hour, day, month, year;
    bool operator==(const Reading&) const = default;
};

std::uint8_t read(std::uint8_t reg) {
    out8(0x70, reg);
    return in8(0x71);
}

bool updating() {
    return read(0x0a) & 0x80;
}

Reading read_all() {
    return {read(0), read(2), read(4), read(7), read(8), read(9)};
}

unsigned from_bcd(unsigned value) {
    return (value >> 4) * 10 + (value & 0xf);
}

}  // namespace

std::uint64_t read_cmos_clock() {
    if (acpi().present && !acpi().fadt.has_cmos_clock) return 0;
    // Two equal readings outside an update; an update takes 2 ms, so this ends unless there is no clock.
    Reading reading{};
    bool good = false;
    for (unsigned tries = 0; tries < 100'000 && !good; ++tries) {
        if (updating()) continue;
        reading = read_all();
        good = !updating() && reading == read_all();
    }
    if (!good) return 0;
    const std::uint8_t format = read(0x0b);
    const bool afternoon = reading.hour & 0x80;
    unsigned values[] = {reading.second, reading.minute, reading.hour & 0x7fu,
                         reading.day,    reading.month,  reading.year};
    if (!(format & 0x04))
        for (unsigned& value : values) value = from_bcd(value);
    if (!(format & 0x02)) values[2] = values[2] % 12 + (afternoon ? 12 : 0);
    const unsigned year = values[5] + (values[5] < 70 ? 2000 : 1900);
    return seconds_since_1970(year, values[4], values[3], values[2], values[1], values[0]);
}

}  // namespace hv::x86
