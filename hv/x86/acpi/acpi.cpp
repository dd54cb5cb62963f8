#include "hv/x86/acpi/acpi.hpp"

#include "hv/base/log.hpp"
#include "hv/x86/boot/early_memory.hpp"
#include "hv/x86/cpu/io.hpp"
#include "hv/x86/paging/direct_map.hpp"
#include "hv/x86/paging/hv_tables.hpp"

namespace hv::x86 {
namespace {

constinit AcpiInfo machine{};

class FirmwareMemory final : public PhysicalView {
  public:
    const void* at(std::uint64_t physical, std::size_t size) const override {
        if (size == 0 || physical + size < physical) return nullptr;
        if (in_direct_map(physical, size)) return direct_map(physical);
        const auto mapped = map_device(physical, size, 0);
        return mapped ? *mapped : nullptr;
    }

  private:
    static bool in_direct_map(std::uint64_t physical, std::size_t size) {
        if (physical + size > kDirectMapEnd - kDirectMapBase) return false;
        std::uint64_t unused;
        const std::uint64_t first = physical & ~(kPageSize - 1);
        for (std::uint64_t page = first; page < physical + size; page += kPageSize)
            if (!translate_hv(kDirectMapBase + page, unused)) return false;
        return true;
    }
};
constinit const FirmwareMemory firmware{};

// Under UEFI only the loader knows where the root pointer is, and it gave us a copy. Dom0 gets it in memory of its own.
void publish_root_pointer(TableBytes copy) {
    if (copy.empty() || find_acpi_root(firmware, {})) return;
    const std::uint64_t page = allocate_early(kPageSize);
    std::memcpy(direct_map(page), copy.data(), copy.size());
    mark_firmware(page, kPageSize);
    machine.hidden_root_pointer = page;
}

// Its lists are large: they are on the stack only here, not while tables are looked for and mapped.
[[gnu::noinline]] void read_madt(TableBytes bytes) {
    machine.madt = parse_madt(bytes);
}

}  // namespace

const AcpiInfo& acpi() {
    return machine;
}

void read_acpi() {
    const BootInfo& boot = boot_info();
    const auto root = find_acpi_root(firmware, {boot.rsdp.data(), boot.rsdp_size});
    if (!root) {
        warn("no ACPI tables: one CPU, no I/O APIC");
        return;
    }
    machine.present = true;
    publish_root_pointer({boot.rsdp.data(), boot.rsdp_size});
    const auto table = [&](std::string_view signature) -> TableBytes {
        const auto found = find_acpi_table(firmware, *root, signature);
        if (!found && found.error() == Error::BadArgument) warn("ACPI table {} is damaged and ignored", signature);
        return found ? *found : TableBytes{};
    };
    read_madt(table("APIC"));
    machine.fadt = parse_fadt(table("FACP"));
    machine.hpet = parse_hpet(table("HPET"));
    machine.pci_segments = parse_mcfg(table("MCFG"));
    info("ACPI: {} CPUs, {} I/O APICs{}{}", machine.madt.cpus.size(), machine.madt.io_apics.size(),
         machine.hpet ? ", HPET" : "", machine.fadt.pm_timer.present() ? ", PM timer" : "");
}

Result<> acpi_write_sleep(std::uint16_t pm1a_value, std::uint16_t pm1b_value) {
    const Fadt& fadt = machine.fadt;
    if (!fadt.pm1a_control.present() || fadt.pm1a_control.space != GenericAddress::Space::Io)
        return fail(Error::NoDevice);
    out16(static_cast<std::uint16_t>(fadt.pm1a_control.address), pm1a_value);
    if (fadt.pm1b_control.present() && fadt.pm1b_control.space == GenericAddress::Space::Io)
        out16(static_cast<std::uint16_t>(fadt.pm1b_control.address), pm1b_value);
    return {};
}

}  // namespace hv::x86
