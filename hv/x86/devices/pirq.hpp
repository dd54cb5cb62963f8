// Physical interrupts of Dom0: a pirq is a line of an I/O APIC (the same number) or a message of a device. A bound one
// has a vector on the CPU of the vCPU that gets it.
#pragma once

#include <cstdint>

#include "hv/abi/xen/physdev.hpp"
#include "hv/base/result.hpp"

namespace hv {
class Domain;
}

namespace hv::x86 {

// Trigger and polarity of a line, before it is bound.
Result<> set_up_gsi(std::uint32_t gsi, bool level, bool active_low);
// Both return the pirq. `wanted` negative: any.
Result<std::uint32_t> map_gsi(std::uint32_t gsi, std::int32_t wanted);
// As many pirqs as the device is to have messages (1 unless it is MSI; a power of two), of which the first is returned.
Result<std::uint32_t> map_msi(const abi::xen::PhysdevMapPirq& request, std::uint32_t messages);
Result<> unmap_pirq(std::uint32_t pirq);  // all messages of a device with its first
Result<std::uint32_t> free_pirq();

// The guest has handled it: a level-triggered line is open again.
Result<> end_pirq(std::uint32_t pirq);
bool pirq_needs_end(std::uint32_t pirq);
// Writes the messages of a device again after a reset.
void restore_messages(std::uint16_t segment, std::uint8_t bus, std::uint8_t devfn);

// Debug key.
void dump_pirqs();

}  // namespace hv::x86
