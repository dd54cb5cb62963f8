#include "hv/x86/apic/io_apic.hpp"

#include "hv/base/log.hpp"
#include "hv/base/spinlock.hpp"
#include "hv/x86/acpi/acpi.hpp"
#include "hv/x86/cpu/io.hpp"
#include "hv/x86/paging/hv_tables.hpp"

namespace hv::x86 {
namespace {

struct IoApic {
    volatile std::uint32_t* registers = nullptr;  // select at 0, data at 0x10
    std::uint8_t id = 0;
    std::uint32_t physical = 0, first_gsi = 0, lines = 0;
};
constinit FixedList<IoApic, 16> io_apics{};
constinit Spinlock registers_lock{LockRank::Leaf};

constexpr std::uint8_t kVersionRegister = 1, kFirstEntry = 0x10;
constexpr std::uint32_t kEntryMasked = 1u << 16, kEntryLevel = 1u << 15, kEntryActiveLow = 1u << 13;

std::uint32_t read(const IoApic& apic, std::uint8_t reg) {
    apic.registers[0] = reg;
    return apic.registers[4];
}
void write(const IoApic& apic, std::uint8_t reg, std::uint32_t value) {
    apic.registers[0] = reg;
    apic.registers[4] = value;
}
std::uint8_t entry_register(const IoApic& apic, std::uint32_t gsi) {
    return static_cast<std::uint8_t>(kFirstEntry + 2 * (gsi - apic.first_gsi));
}

IoApic* owner_of(std::uint32_t gsi) {
    for (auto& apic : io_apics)
        if (gsi >= apic.first_gsi && gsi - apic.first_gsi < apic.lines) return &apic;
    return nullptr;
}

Result<> change_mask(std::uint32_t gsi, bool masked) {
    IoApic* apic = owner_of(gsi);
    if (!apic) return fail(Error::NoDevice);
    Guard guard{registers_lock};
    const std::uint8_t reg = entry_register(*apic, gsi);
    const std::uint32_t low = read(*apic, reg);
    write(*apic, reg, masked ? low | kEntryMasked : low & ~kEntryMasked);
    if (masked) read(*apic, reg);  // the write has arrived before anything relies on it
    return {};
}

}  // namespace

void silence_8259() {
    constexpr std::uint16_t kMaster = 0x20, kSlave = 0xa0;
    out8(kMaster + 1, 0xff);
    out8(kSlave + 1, 0xff);
    out8(kMaster, 0x11);
    out8(kSlave, 0x11);
    out8(kMaster + 1, 0x20);
    out8(kSlave + 1, 0x28);
    out8(kMaster + 1, 0x04);
    out8(kSlave + 1, 0x02);
    out8(kMaster + 1, 0x01);
    out8(kSlave + 1, 0x01);
    out8(kMaster + 1, 0xff);
    out8(kSlave + 1, 0xff);
}

void start_io_apics() {
    for (const auto& entry : acpi().madt.io_apics) {
        const auto mapped = map_device(entry.address, kPageSize);
        if (!mapped) continue;
        IoApic apic{static_cast<volatile std::uint32_t*>(*mapped), entry.id, entry.address, entry.first_gsi, 0};
        const std::uint32_t version = read(apic, kVersionRegister);
        if (version == ~0u) {
            warn("I/O APIC {} at {:x} does not answer", entry.id, entry.address);
            continue;
        }
        apic.lines = ((version >> 16) & 0xff) + 1;
        for (std::uint32_t line = 0; line < apic.lines; ++line)
            write(apic, static_cast<std::uint8_t>(kFirstEntry + 2 * line), kEntryMasked);
        io_apics.push(apic);
        info("I/O APIC {} at {:x}: interrupts {} to {}", apic.id, entry.address, apic.first_gsi,
             apic.first_gsi + apic.lines - 1);
    }
}

unsigned io_apic_count() {
    return static_cast<unsigned>(io_apics.size());
}
IoApicInfo io_apic_info(unsigned index) {
    const IoApic& apic = io_apics[index];
    return {apic.id, apic.physical, apic.first_gsi, apic.lines};
}

std::uint32_t gsi_count() {
    std::uint32_t count = 0;
    for (const auto& apic : io_apics) count = apic.first_gsi + apic.lines > count ? apic.first_gsi + apic.lines : count;
    return count;
}

Result<> route_gsi(std::uint32_t gsi, const GsiRoute& route) {
    IoApic* apic = owner_of(gsi);
    if (!apic) return fail(Error::NoDevice);
    Guard guard{registers_lock};
    const std::uint8_t reg = entry_register(*apic, gsi);
    const std::uint32_t low =
        std::uint32_t{route.vector} | (route.level ? kEntryLevel : 0) | (route.active_low ? kEntryActiveLow : 0);
    write(*apic, reg, low | kEntryMasked);  // never half a route
    write(*apic, static_cast<std::uint8_t>(reg + 1), route.apic_id << 24);
    if (!route.masked) write(*apic, reg, low);
    return {};
}

Result<> mask_gsi(std::uint32_t gsi) {
    return change_mask(gsi, true);
}
Result<> unmask_gsi(std::uint32_t gsi) {
    return change_mask(gsi, false);
}

std::uint32_t read_io_apic(unsigned index, std::uint8_t reg) {
    Guard guard{registers_lock};
    return index < io_apics.size() ? read(io_apics[index], reg) : ~0u;
}

IsaWiring isa_wiring(unsigned irq) {
    for (const auto& entry : acpi().madt.overrides)
        if (entry.irq == irq) return {entry.gsi, entry.level, entry.active_low};
    return {irq, false, false};
}

}  // namespace hv::x86
