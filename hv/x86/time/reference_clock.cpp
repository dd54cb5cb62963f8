#include "hv/x86/time/reference_clock.hpp"

#include "hv/base/log.hpp"
#include "hv/x86/acpi/acpi.hpp"
#include "hv/x86/cpu/io.hpp"
#include "hv/x86/cpu/registers.hpp"
#include "hv/x86/paging/hv_tables.hpp"

namespace hv::x86 {
namespace {

// IA-PC HPET Specification 1.0a, "HPET Registers".
class Hpet final : public ReferenceClock {
  public:
    bool probe(std::uint64_t physical) {
        const auto mapped = map_device(physical, 1024);
        if (!mapped) return false;
        registers_ = static_cast<volatile std::uint32_t*>(*mapped);
        period_ = registers_[1];  // femtoseconds
        return period_ >= 100'000 && period_ <= 100'000'000;
    }
    const char* name() const override { return "HPET"; }
    void start() override { registers_[0x10 / 4] = registers_[0x10 / 4] | 1; }
    std::uint64_t read() const override { return registers_[0xf0 / 4]; }
    std::uint64_t mask() const override { return 0xffff'ffff; }
    std::uint64_t nanoseconds(std::uint64_t ticks) const override { return ticks * period_ / 1'000'000; }

  private:
    volatile std::uint32_t* registers_ = nullptr;
    std::uint64_t period_ = 0;
};

// ACPI Specification 6.4, "Power Management Timer": 3.579545 MHz.
class PmTimer final : public ReferenceClock {
  public:
    bool probe(const Fadt& fadt) {
        if (!fadt.pm_timer.present() || fadt.pm_timer.space != GenericAddress::Space::Io) return false;
        port_ = static_cast<std::uint16_t>(fadt.pm_timer.address);
        const std::uint64_t first = read();
        for (unsigned i = 0; i < 100'000; ++i)
            if (read() != first) return true;
        return false;
    }
    const char* name() const override { return "ACPI PM timer"; }
    std::uint64_t read() const override { return in32(port_) & mask(); }
    std::uint64_t mask() const override { return 0xff'ffff; }
    std::uint64_t nanoseconds(std::uint64_t ticks) const override { return ticks * 1'000'000'000 / 3'579'545; }

  private:
    std::uint16_t port_ = 0;
};

// 8254 data sheet: channel 2, 1.193182 MHz, counting down from 65535.
class Pit final : public ReferenceClock {
  public:
    const char* name() const override { return "PIT"; }
    void start() override {
        out8(0x61, static_cast<std::uint8_t>((in8(0x61) & ~2) | 1));  // gate on, speaker off
        out8(0x43, 0xb4);                                             // channel 2, both bytes, rate generator
        out8(0x42, 0xff);
        out8(0x42, 0xff);
    }
    std::uint64_t read() const override {
        out8(0x43, 0x80);  // latch
        const unsigned low = in8(0x42), high = in8(0x42);
        return (0xffffu - (low | high << 8)) & mask();
    }
    std::uint64_t mask() const override { return 0xffff; }
    std::uint64_t nanoseconds(std::uint64_t ticks) const override { return ticks * 1'000'000'000 / 1'193'182; }
};

Hpet hpet;
PmTimer pm_timer;
Pit pit;

}  // namespace

ReferenceClock& choose_reference_clock() {
    if (acpi().hpet && hpet.probe(*acpi().hpet)) return hpet;
    if (acpi().present && pm_timer.probe(acpi().fadt)) return pm_timer;
    return pit;
}

}  // namespace hv::x86
