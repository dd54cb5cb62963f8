// Promised: Dom0 may move its devices in the physical address space at any time, whatever its other vCPUs do.
// Exercised: memory decoding of two PCI devices (file `machine`), the chipset's window to configuration space and VGA's
// memory, switched off and on again and again by one vCPU, while the others read configuration space without pause, so
// that hv's CPUs wait for each other in its PCI code, and take timer interrupts. A pass means: the machine is still
// there, and every vCPU's timer still fires. QEMU's TCG (seen in 7.2) exchanges its map under CPUs that run: one that
// writes to its local APIC meanwhile writes to another device, which ends QEMU, or loses an interrupt.
#include "tests/guest/lib/events.hpp"
#include "tests/guest/lib/guest.hpp"
#include "tests/guest/lib/vcpu.hpp"

#include "hv/abi/xen/physdev.hpp"

using namespace guest;

namespace {

constexpr u32 kMoves = 100;
constexpr u64 kPeriod = 10'000'000;
constexpr u8 kHostBridge = 0, kDevices[] = {5 << 3, 6 << 3};
constexpr u16 kAddressPort = 0xcf8, kDataPort = 0xcfc;
constexpr u32 kCommand = 4, kMemoryDecoding = 2;
constexpr u32 kHostBridgeId = 0x29c0'8086, kEcamBase = 0x60, kEcamEnabled = 1;  // Intel Q35 MCH
constexpr u16 kSequencer = 0x3c4;
constexpr u16 kAllPlanes = 0x0f02, kPlanar = 0x0604, kChained = 0x0e04;  // registers in the lower bytes

volatile bool over = false;
u32 timers[kMaxVcpus];

void out32(u16 port, u32 value) {
    asm volatile("outl %0, %1" : : "a"(value), "Nd"(port));
}
void out16(u16 port, u16 value) {
    asm volatile("outw %0, %1" : : "a"(value), "Nd"(port));
}
u32 in32(u16 port) {
    u32 value;
    asm volatile("inl %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

void allow_ports() {
    PhysdevSetIopl iopl{1};
    REQUIRE_EQ(hypercall(HypercallId::PhysdevOp, PhysdevCommand::SetIopl, &iopl), 0);
}

void select(u8 devfn, u32 reg) {
    out32(kAddressPort, 0x8000'0000u | u32{devfn} << 8 | reg);
}

void set_periodic_timer(u32 vcpu) {
    VcpuSetPeriodicTimer op{kPeriod};
    EXPECT_EQ(vcpu_op(VcpuCommand::SetPeriodicTimer, vcpu, &op), 0);
    enable_events();
}

// Awake: a vCPU that sleeps has no ticks.
void wait_for_tick(u32 vcpu) {
    const u64 seen = upcall_count(timers[vcpu]);
    while (upcall_count(timers[vcpu]) == seen) asm volatile("pause" : : : "memory");
}

// The other vCPUs. What is selected does not matter.
void read_configuration(void*) {
    allow_ports();
    set_periodic_timer(this_vcpu().id);
    while (!over) (void)in32(kDataPort);
    wait_for_tick(this_vcpu().id);
}

}  // namespace

void guest::test_main() {
    allow_ports();
    for (const u8 device : kDevices) {
        select(device, 0);
        if ((in32(kDataPort) & 0xffff) == 0xffff) return skip("the machine has no such device");
    }
    select(kHostBridge, 0);
    if (in32(kDataPort) != kHostBridgeId) return skip("the machine has another chipset");
    select(kHostBridge, kEcamBase);
    const u32 ecam = in32(kDataPort);
    for (u32 vcpu = 0; vcpu < vcpu_count(); ++vcpu) timers[vcpu] = static_cast<u32>(bind_virq(Virq::Timer, vcpu));
    set_periodic_timer(0);
    for (u32 vcpu = 1; vcpu < vcpu_count(); ++vcpu) REQUIRE_EQ(start_vcpu(vcpu, read_configuration, nullptr), 0);
    out16(kSequencer, kAllPlanes);
    for (u32 move = 0; move < kMoves; ++move) {
        const bool on = move & 1;
        for (const u8 device : kDevices) {
            select(device, kCommand);
            out16(kDataPort, on ? kMemoryDecoding : 0);
        }
        select(kHostBridge, kEcamBase);
        out32(kDataPort, on ? ecam | kEcamEnabled : ecam & ~kEcamEnabled);
        out16(kSequencer, on ? kChained : kPlanar);
    }
    over = true;
    for (u32 vcpu = 1; vcpu < vcpu_count(); ++vcpu) wait_until_down(vcpu);
    wait_for_tick(0);
}
