#include "hv/x86/panic/reboot.hpp"

#include "hv/x86/acpi/acpi.hpp"
#include "hv/x86/boot/command_line.hpp"
#include "hv/x86/console/console.hpp"
#include "hv/x86/cpu/io.hpp"
#include "hv/x86/cpu/registers.hpp"
#include "hv/x86/paging/hv_tables.hpp"
#include "hv/x86/smp/ipi.hpp"

namespace hv::x86 {
namespace {

void settle() {
    for (unsigned i = 0; i < 100'000; ++i) in8(0x80);
}

void reset_by_acpi() {
    const Fadt& fadt = acpi().fadt;
    if (!fadt.reset.present()) return;
    if (fadt.reset.space == GenericAddress::Space::Io)
        out8(static_cast<std::uint16_t>(fadt.reset.address), fadt.reset_value);
    if (fadt.reset.space == GenericAddress::Space::Memory) {
        if (const auto mapped = map_device(fadt.reset.address, 1))
            *static_cast<volatile std::uint8_t*>(*mapped) = fadt.reset_value;
    }
    settle();
}

void reset_by_keyboard_controller() {
    for (unsigned i = 0; i < 65536 && (in8(0x64) & 2); ++i) pause();
    out8(0x64, 0xfe);
    settle();
}

void reset_by_port_cf9() {
    out8(0xcf9, 0x02);
    out8(0xcf9, 0x06);
    settle();
}

[[noreturn]] void reset_by_triple_fault() {
    struct [[gnu::packed]] {
        std::uint16_t limit = 0;
        std::uint64_t base = 0;
    } const empty;
    asm volatile("lidt %0; int3" : : "m"(empty));
    for (;;) halt();
}

}  // namespace

void machine_reboot() {
    disable_interrupts();
    finish_output();
    const std::string_view method = boot_options().reboot_method;
    if (method.starts_with('t')) reset_by_triple_fault();
    if (method.starts_with('k')) reset_by_keyboard_controller();
    reset_by_acpi();
    reset_by_keyboard_controller();
    reset_by_port_cf9();
    reset_by_triple_fault();
}

void machine_halt() {
    disable_interrupts();
    finish_output();
    for (;;) halt();
}

}  // namespace hv::x86
