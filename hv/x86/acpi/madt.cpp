#include "hv/x86/acpi/madt.hpp"

namespace hv::x86 {
namespace {

enum class Kind : std::uint8_t {
    LocalApic = 0,
    IoApic = 1,
    Override = 2,
    LocalNmi = 4,
    LocalApicAddress = 5,
    X2Apic = 9,
    X2ApicNmi = 10
};

constexpr std::uint32_t kEnabled = 1, kOnlineCapable = 2;

// "MPS INTI Flags": 0 means as the bus does it, which for ISA is active high, edge.
bool active_low(std::uint16_t flags) {
    return (flags & 3) == 3;
}
bool level(std::uint16_t flags) {
    return ((flags >> 2) & 3) == 3;
}

void add_cpu_entry(Madt& madt, std::uint32_t apic_id, std::uint32_t acpi_id, std::uint32_t flags) {
    if (!(flags & (kEnabled | kOnlineCapable))) return;
    for (const auto& cpu : madt.cpus)
        if (cpu.apic_id == apic_id) return;  // listed as local APIC and as x2APIC
    madt.cpus.push({apic_id, acpi_id, (flags & kEnabled) != 0});
}

void parse_entry(Madt& madt, Kind kind, TableBytes entry) {
    switch (kind) {
        case Kind::LocalApic:
            if (entry.size() >= 8 && field<std::uint8_t>(entry, 3) != 0xff)
                add_cpu_entry(madt, field<std::uint8_t>(entry, 3), field<std::uint8_t>(entry, 2),
                              field<std::uint32_t>(entry, 4));
            break;
        case Kind::X2Apic:
            if (entry.size() >= 16)
                add_cpu_entry(madt, field<std::uint32_t>(entry, 4), field<std::uint32_t>(entry, 12),
                              field<std::uint32_t>(entry, 8));
            break;
        case Kind::IoApic:
            if (entry.size() >= 12)
                madt.io_apics.push(
                    {field<std::uint8_t>(entry, 2), field<std::uint32_t>(entry, 4), field<std::uint32_t>(entry, 8)});
            break;
        case Kind::Override: {
            const auto flags = field<std::uint16_t>(entry, 8);
            if (entry.size() >= 10)
                madt.overrides.push(
                    {field<std::uint8_t>(entry, 3), field<std::uint32_t>(entry, 4), level(flags), active_low(flags)});
            break;
        }
        case Kind::LocalNmi: {
            const auto flags = field<std::uint16_t>(entry, 3);
            const std::uint32_t cpu = field<std::uint8_t>(entry, 2);
            if (entry.size() >= 6)
                madt.local_nmis.push(
                    {cpu == 0xff ? ~0u : cpu, field<std::uint8_t>(entry, 5), level(flags), active_low(flags)});
            break;
        }
        case Kind::X2ApicNmi: {
            const auto flags = field<std::uint16_t>(entry, 2);
            if (entry.size() >= 12)
                madt.local_nmis.push(
                    {field<std::uint32_t>(entry, 4), field<std::uint8_t>(entry, 8), level(flags), active_low(flags)});
            break;
        }
        case Kind::LocalApicAddress:
            if (entry.size() >= 12) madt.local_apic = field<std::uint64_t>(entry, 4);
            break;
    }
}

}  // namespace

Madt parse_madt(TableBytes table) {
    Madt madt;
    if (table.size() < 44) return madt;
    madt.local_apic = field<std::uint32_t>(table, 36);
    madt.has_8259 = field<std::uint32_t>(table, 40) & 1;
    for (std::size_t offset = 44; offset + 2 <= table.size();) {
        const std::size_t length = table[offset + 1];
        if (length < 2 || length > table.size() - offset) break;
        parse_entry(madt, static_cast<Kind>(table[offset]), table.subspan(offset, length));
        offset += length;
    }
    return madt;
}

}  // namespace hv::x86
