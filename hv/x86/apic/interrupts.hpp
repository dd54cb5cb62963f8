// Vectors, and what handles them.
#pragma once

#include <cstddef>
#include <cstdint>

#include "hv/base/result.hpp"
#include "hv/base/types.hpp"

namespace hv::x86 {

// Priorities are in the upper four bits; hv's own come first.
enum FixedVector : std::uint8_t {
    kVectorTimer = 0xf8,
    kVectorKick = 0xf9,
    kVectorCall = 0xfa,
    kVectorApicError = 0xfe,
    kVectorSpurious = 0xff,
};
inline constexpr std::uint8_t kFirstDeviceVector = 0x30, kLastDeviceVector = 0xef;

using InterruptHandler = void (*)(void* argument);

// A vector on `cpu` for a device, with its handler. Error::NoSpace. Handlers run with interrupts off and must
// acknowledge with end_of_interrupt() themselves when `manual_end` (level-triggered lines that a guest finishes); else
// it is done before the handler runs.
Result<std::uint8_t> allocate_vector(CpuId cpu, InterruptHandler handler, void* argument, bool manual_end = false);
void free_vector(CpuId cpu, std::uint8_t vector);

// `count` neighbouring vectors, a power of two up to 32, the first a multiple of it: what a device with several
// messages needs. Message i calls handler(arguments + i * stride). `wanted` is taken if it is free there; 0: any.
struct VectorBlock {
    unsigned count;
    InterruptHandler handler;
    char* arguments;
    std::size_t stride;
};
Result<std::uint8_t> allocate_vectors(CpuId cpu, const VectorBlock& block, std::uint8_t wanted, bool manual_end);
void free_vectors(CpuId cpu, std::uint8_t first, unsigned count);

// An ISA line of hv's own: routed as the firmware says, to the boot CPU. Error::NoDevice: no I/O APIC has it.
Result<> connect_isa_interrupt(unsigned irq, InterruptHandler handler, void* argument);

void handle_interrupt(std::uint8_t vector);

}  // namespace hv::x86
