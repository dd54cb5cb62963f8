#include "hv/x86/apic/interrupts.hpp"

#include "hv/base/log.hpp"
#include "hv/base/spinlock.hpp"
#include "hv/machine/clock.hpp"
#include "hv/machine/timer.hpp"
#include "hv/time/timer_queue.hpp"
#include "hv/x86/apic/io_apic.hpp"
#include "hv/x86/apic/local_apic.hpp"
#include "hv/x86/cpu/per_cpu.hpp"
#include "hv/x86/smp/ipi.hpp"

namespace hv::x86 {
namespace {

constinit Spinlock vectors_lock{LockRank::Leaf};

void device_interrupt(PerCpu& cpu, std::uint8_t vector) {
    const VectorEntry& entry = cpu.vectors[vector];
    const InterruptHandler handler = entry.handler.load(std::memory_order_acquire);
    if (!handler) {
        end_of_interrupt();
        log(LogLevel::Debug, "CPU {}: no handler for vector {:x}", cpu.id, vector);
        return;
    }
    if (!entry.manual_end) end_of_interrupt();
    handler(entry.argument);
    check_timers(time::now());
}

constexpr unsigned kDeviceVectors = kLastDeviceVector - kFirstDeviceVector + 1;

bool vectors_are_free(const PerCpu& cpu, unsigned first, unsigned count) {
    if (first < kFirstDeviceVector || first % count != 0 || first + count - 1 > kLastDeviceVector) return false;
    for (unsigned i = 0; i < count; ++i)
        if (cpu.vectors[first + i].handler.load(std::memory_order_relaxed)) return false;
    return true;
}

// Neighbouring allocations go to different priority classes: a local APIC keeps two interrupts of a class apart badly.
unsigned find_block(const PerCpu& cpu, unsigned count) {
    constexpr unsigned kClass = 16;
    for (unsigned i = 0; i < kDeviceVectors; ++i) {
        const unsigned first = kFirstDeviceVector + (i * kClass) % kDeviceVectors + (i * kClass) / kDeviceVectors;
        if (vectors_are_free(cpu, first, count)) return first;
    }
    return 0;
}

}  // namespace

Result<std::uint8_t> allocate_vectors(CpuId cpu, const VectorBlock& block, std::uint8_t wanted, bool manual_end) {
    Guard guard{vectors_lock};
    PerCpu& owner = cpu_data(cpu);
    const unsigned first = vectors_are_free(owner, wanted, block.count) ? wanted : find_block(owner, block.count);
    if (first == 0) return fail(Error::NoSpace);
    for (unsigned i = 0; i < block.count; ++i) {
        VectorEntry& entry = owner.vectors[first + i];
        entry.argument = block.arguments + i * block.stride;
        entry.manual_end = manual_end;
        entry.handler.store(block.handler, std::memory_order_release);
    }
    return static_cast<std::uint8_t>(first);
}

void free_vectors(CpuId cpu, std::uint8_t first, unsigned count) {
    Guard guard{vectors_lock};
    for (unsigned i = 0; i < count; ++i)
        cpu_data(cpu).vectors[first + i].handler.store(nullptr, std::memory_order_release);
}

Result<std::uint8_t> allocate_vector(CpuId cpu, InterruptHandler handler, void* argument, bool manual_end) {
    return allocate_vectors(cpu, {1, handler, static_cast<char*>(argument), 0}, 0, manual_end);
}

void free_vector(CpuId cpu, std::uint8_t vector) {
    free_vectors(cpu, vector, 1);
}

Result<> connect_isa_interrupt(unsigned irq, InterruptHandler handler, void* argument) {
    const IsaWiring wiring = isa_wiring(irq);
    const std::uint8_t vector = TRY(allocate_vector(CpuId{0}, handler, argument));
    const auto routed =
        route_gsi(wiring.gsi, {cpu_data(CpuId{0}).apic_id, vector, wiring.level, wiring.active_low, false});
    if (!routed) free_vector(CpuId{0}, vector);
    return routed;
}

[[gnu::hot]] void handle_interrupt(std::uint8_t vector) {
    PerCpu& cpu = per_cpu();
    switch (vector) {
        case kVectorTimer:
            end_of_interrupt();
            cpu.alive.fetch_add(1, std::memory_order_relaxed);
            time::timer_interrupt();
            return;
        case kVectorKick: end_of_interrupt(); return;
        case kVectorCall:
            end_of_interrupt();
            answer_requests();
            return;
        case kVectorApicError:
            end_of_interrupt();
            handle_apic_error();
            return;
        case kVectorSpurious: return;
        default: break;
    }
    if (vector < kFirstDeviceVector) return;  // the 8259s' spurious interrupts
    device_interrupt(cpu, vector);
}

}  // namespace hv::x86
