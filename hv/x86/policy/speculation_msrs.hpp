// The registers that tell a guest of the processor's leaks and let it protect itself: SPEC_CTRL, PRED_CMD, FLUSH_CMD,
// ARCH_CAPABILITIES, VIRT_SPEC_CTRL. What is in them for which kind of guest: leaks/guest_controls.hpp.
#pragma once

#include <cstdint>
#include <optional>

namespace hv {
class Vcpu;
}

namespace hv::x86 {

// Nothing: it is another register. False: #GP, for a register that the guest has not, a reserved bit, or a read of
// what can only be written.
std::optional<bool> read_speculation_msr(const Vcpu& vcpu, std::uint32_t msr, std::uint64_t& value);
// Of the vCPU that runs.
std::optional<bool> write_speculation_msr(Vcpu& vcpu, std::uint32_t msr, std::uint64_t value);

}  // namespace hv::x86
