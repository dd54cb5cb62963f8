// I/O APICs: one redirection entry per global system interrupt (Intel 82093AA data sheet).
#pragma once

#include <cstdint>

#include "hv/base/result.hpp"
#include "hv/base/types.hpp"

namespace hv::x86 {

// Moves the 8259s out of the exceptions' way (they can still raise a spurious interrupt) and masks them for good.
// Before start_local_apic(): it cuts their line to the CPU, and a request that is still up then would stay up.
void silence_8259();
void start_io_apics();  // maps them and masks every line

unsigned io_apic_count();
struct IoApicInfo {
    std::uint8_t id;
    std::uint32_t physical, first_gsi, lines;
};
IoApicInfo io_apic_info(unsigned index);
std::uint32_t gsi_count();

struct GsiRoute {
    std::uint32_t apic_id;
    std::uint8_t vector;
    bool level, active_low, masked;
};
// All three: Error::NoDevice when no I/O APIC has the line.
Result<> route_gsi(std::uint32_t gsi, const GsiRoute& route);
Result<> mask_gsi(std::uint32_t gsi);
Result<> unmask_gsi(std::uint32_t gsi);

// The registers as a guest's PHYSDEVOP_apic_read sees them; index is the I/O APIC's.
std::uint32_t read_io_apic(unsigned index, std::uint8_t reg);

// How the firmware wired an ISA line.
struct IsaWiring {
    std::uint32_t gsi;
    bool level, active_low;
};
IsaWiring isa_wiring(unsigned irq);

}  // namespace hv::x86
