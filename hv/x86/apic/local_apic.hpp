// Each CPU's local APIC, in xAPIC or x2APIC mode (Intel SDM volume 3, "Advanced Programmable Interrupt Controller").
#pragma once

#include <cstdint>

#include "hv/base/types.hpp"

namespace hv::x86 {

void choose_local_apic_mode();  // once, on the boot CPU; needs ACPI and paging
void start_local_apic();        // on every CPU
bool local_apic_present();
std::uint32_t local_apic_id();  // this CPU's

void end_of_interrupt();
void send_ipi(std::uint32_t apic_id, std::uint8_t vector);
void send_ipi_nmi(std::uint32_t apic_id);
void send_init(std::uint32_t apic_id);
void send_startup(std::uint32_t apic_id, std::uint8_t page);

// Calibration: lets the timer run freely from its largest value.
void start_free_running_timer();
std::uint32_t timer_ticks_left();
void set_timer_khz(std::uint64_t khz);

void handle_apic_error();

// The message that makes a device interrupt `apic_id` with `vector` (Intel SDM volume 3, "Message Signalled
// Interrupts").
struct MsiMessage {
    std::uint64_t address;
    std::uint32_t data;
};
MsiMessage msi_message(std::uint32_t apic_id, std::uint8_t vector);

}  // namespace hv::x86
