#include "hv/x86/apic/local_apic.hpp"

#include <algorithm>

#include "hv/base/log.hpp"
#include "hv/machine/clock.hpp"
#include "hv/machine/timer.hpp"
#include "hv/x86/acpi/acpi.hpp"
#include "hv/x86/apic/interrupts.hpp"
#include "hv/x86/boot/command_line.hpp"
#include "hv/x86/cpu/cpuid.hpp"
#include "hv/x86/cpu/registers.hpp"
#include "hv/x86/paging/hv_tables.hpp"

namespace hv::x86 {
namespace {

enum Register : std::uint32_t {
    kId = 0x20,
    kVersion = 0x30,
    kTaskPriority = 0x80,
    kEnd = 0xb0,
    kLogicalDestination = 0xd0,
    kSpurious = 0xf0,
    kRequested = 0x200,
    kErrorStatus = 0x280,
    kCommand = 0x300,
    kCommandHigh = 0x310,
    kTimer = 0x320,
    kThermal = 0x330,
    kPerformance = 0x340,
    kLint0 = 0x350,
    kLint1 = 0x360,
    kError = 0x370,
    kTimerInitial = 0x380,
    kTimerCurrent = 0x390,
    kTimerDivide = 0x3e0,
};
constexpr std::uint32_t kMasked = 1u << 16, kSoftwareEnable = 1u << 8, kDeliverNmi = 4u << 8;
constexpr std::uint32_t kTimerDeadlineMode = 2u << 17, kDivideBy1 = 0xb;
constexpr std::uint32_t kCommandInit = 5u << 8, kCommandStartup = 6u << 8, kCommandNmi = 4u << 8,
                        kCommandAssert = 1u << 14, kCommandBusy = 1u << 12;
constexpr std::uint64_t kBaseEnable = 1u << 11, kBaseX2 = 1u << 10;

constinit volatile std::uint32_t* registers = nullptr;
constinit bool x2apic = false;
constinit bool present = false;
constinit bool deadline_mode = false;
constinit std::uint64_t timer_khz = 0;

std::uint32_t x2_msr(std::uint32_t index) {
    return static_cast<std::uint32_t>(Msr::X2ApicBase) + (index >> 4);
}
std::uint32_t read(std::uint32_t index) {
    return x2apic ? static_cast<std::uint32_t>(read_msr(x2_msr(index))) : registers[index / 4];
}
void write(std::uint32_t index, std::uint32_t value) {
    if (x2apic) {
        write_msr(x2_msr(index), value);
    } else {
        registers[index / 4] = value;
    }
}

// Of one of the registers with a bit for each vector, 32 of them every 16 bytes.
bool vector_bit(std::uint32_t first, std::uint8_t vector) {
    return (read(first + (vector / 32) * 0x10u) >> (vector % 32)) & 1;
}

void command(std::uint32_t apic_id, std::uint32_t value) {
    if (!present) return;
    if (x2apic) {
        asm volatile("mfence; lfence" : : : "memory");  // x2APIC writes do not wait for earlier stores
        write_msr(x2_msr(kCommand), (std::uint64_t{apic_id} << 32) | value);
        return;
    }
    while (registers[kCommand / 4] & kCommandBusy) pause();
    registers[kCommandHigh / 4] = apic_id << 24;
    registers[kCommand / 4] = value;
}

}  // namespace

bool local_apic_present() {
    return present;
}

void choose_local_apic_mode() {
    present = cpu_has(Feature::Apic);
    if (!present) {
        warn("this CPU has no local APIC: no timers, one CPU");
        return;
    }
    const std::uint64_t base = read_msr(Msr::ApicBase);
    x2apic = (base & kBaseX2) || (cpu_has(Feature::X2Apic) && boot_options().x2apic);
    deadline_mode = cpu_has(Feature::TscDeadline);
    if (!x2apic) {
        const auto mapped = map_device(acpi().madt.local_apic, kPageSize);
        if (!mapped) panic("the local APIC at {:x} cannot be mapped", acpi().madt.local_apic);
        registers = static_cast<volatile std::uint32_t*>(*mapped);
    }
    info("local APIC: {} mode, timer: {}", x2apic ? "x2APIC" : "xAPIC", deadline_mode ? "TSC deadline" : "one-shot");
}

void start_local_apic() {
    if (!present) return;
    const std::uint64_t base = read_msr(Msr::ApicBase);
    if (!(base & kBaseEnable)) write_msr(Msr::ApicBase, base | kBaseEnable);
    if (x2apic) write_msr(Msr::ApicBase, read_msr(Msr::ApicBase) | kBaseEnable | kBaseX2);
    write(kTaskPriority, 0);
    write(kSpurious, kSoftwareEnable | kVectorSpurious);
    write(kLint0, kMasked);
    write(kLint1, kDeliverNmi);
    const unsigned highest_entry = (read(kVersion) >> 16) & 0xff;
    if (highest_entry >= 4) write(kPerformance, kMasked);
    if (highest_entry >= 5) write(kThermal, kMasked);
    write(kError, kVectorApicError);
    write(kErrorStatus, 0);
    write(kTimerDivide, kDivideBy1);
    write(kTimer, kVectorTimer | (deadline_mode ? kTimerDeadlineMode : 0));
    if (deadline_mode) asm volatile("mfence" : : : "memory");  // the mode is set before the first deadline
    end_of_interrupt();
}

std::uint32_t local_apic_id() {
    if (!present) return 0;
    return x2apic ? read(kId) : read(kId) >> 24;
}

void end_of_interrupt() {
    write(kEnd, 0);
}

void send_ipi(std::uint32_t apic_id, std::uint8_t vector) {
    command(apic_id, kCommandAssert | vector);
}
void send_ipi_nmi(std::uint32_t apic_id) {
    command(apic_id, kCommandAssert | kCommandNmi);
}
void send_init(std::uint32_t apic_id) {
    command(apic_id, kCommandAssert | kCommandInit);
}
void send_startup(std::uint32_t apic_id, std::uint8_t page) {
    command(apic_id, kCommandAssert | kCommandStartup | page);
}

void start_free_running_timer() {
    if (!present) return;
    write(kTimer, kMasked | kVectorTimer);
    write(kTimerInitial, ~0u);
}
std::uint32_t timer_ticks_left() {
    return present ? read(kTimerCurrent) : 0;
}

void set_timer_khz(std::uint64_t khz) {
    timer_khz = khz;
    if (!present) return;
    write(kTimerInitial, 0);
    write(kTimer, kVectorTimer | (deadline_mode ? kTimerDeadlineMode : 0));
}

void handle_apic_error() {
    write(kErrorStatus, 0);
    log(LogLevel::Warning, "CPU {}: local APIC error, status {:x}", local_apic_id(), read(kErrorStatus));
}

MsiMessage msi_message(std::uint32_t apic_id, std::uint8_t vector) {
    return {0xfee0'0000 | (std::uint64_t{apic_id & 0xff} << 12), vector};
}

}  // namespace hv::x86

namespace hv::time {

bool timer_interrupt_expected() {
    using namespace x86;
    if (!present) return false;
    if (vector_bit(kRequested, kVectorTimer)) return true;
    return deadline_mode ? read_msr(Msr::TscDeadline) != 0 : read(kTimerCurrent) != 0;
}

void program_timer(Nanoseconds deadline) {
    using namespace x86;
    if (!present) return;
    if (deadline == kNoDeadline) {
        if (deadline_mode) {
            write_msr(Msr::TscDeadline, 0);
        } else {
            write(kTimerInitial, 0);
        }
        return;
    }
    const Nanoseconds left = deadline - now();
    if (deadline_mode) {
        // A deadline that has passed fires at once; 0 would switch the timer off.
        write_msr(Msr::TscDeadline, x86::read_tsc() + (left > 0 ? ticks_of(left) : 1));
        return;
    }
    // At most about a second at a time: an early interrupt finds nothing due and programs the rest.
    constexpr std::uint64_t kLongest = 1'000'000'000;
    const std::uint64_t nanoseconds =
        left > 0 ? std::min<std::uint64_t>(static_cast<std::uint64_t>(left), kLongest) : 0;
    const std::uint64_t ticks = nanoseconds * timer_khz / 1'000'000 + 1;
    write(kTimerInitial, static_cast<std::uint32_t>(std::min<std::uint64_t>(ticks, ~0u)));
}

}  // namespace hv::time
