#include "hv/x86/acpi/fadt.hpp"

namespace hv::x86 {
namespace {

constexpr std::uint32_t kTimer32 = 1u << 8, kResetSupported = 1u << 10;
constexpr std::uint16_t kNoCmosClock = 1u << 5;

// The extended field where it is filled in, the old port number otherwise.
GenericAddress address_of(TableBytes table, std::size_t extended, std::size_t port) {
    const GenericAddress wide = generic_address(table, extended);
    if (wide.present()) return wide;
    return {GenericAddress::Space::Io, 32, field<std::uint32_t>(table, port)};
}

}  // namespace

Fadt parse_fadt(TableBytes table) {
    Fadt fadt;
    fadt.sci = field<std::uint16_t>(table, 46);
    fadt.pm1a_control = address_of(table, 172, 64);
    fadt.pm1b_control = address_of(table, 184, 68);
    fadt.pm_timer = address_of(table, 208, 76);
    const auto flags = field<std::uint32_t>(table, 112);
    fadt.pm_timer_32_bits = flags & kTimer32;
    fadt.has_cmos_clock = !(field<std::uint16_t>(table, 109) & kNoCmosClock);
    if (flags & kResetSupported) {
        fadt.reset = generic_address(table, 116);
        fadt.reset_value = field<std::uint8_t>(table, 128);
    }
    return fadt;
}

std::optional<std::uint64_t> parse_hpet(TableBytes table) {
    const GenericAddress address = generic_address(table, 40);
    if (address.space != GenericAddress::Space::Memory || !address.present()) return std::nullopt;
    return address.address;
}

FixedList<PciSegment, 16> parse_mcfg(TableBytes table) {
    FixedList<PciSegment, 16> segments;
    for (std::size_t offset = 44; offset + 16 <= table.size(); offset += 16)
        segments.push({field<std::uint64_t>(table, offset), field<std::uint16_t>(table, offset + 8),
                       field<std::uint8_t>(table, offset + 10), field<std::uint8_t>(table, offset + 11)});
    return segments;
}

}  // namespace hv::x86
