// Model-specific registers of guests.
#pragma once

#include <cstdint>

namespace hv {
class Vcpu;
}

namespace hv::x86 {

// RDMSR, WRMSR of the current vCPU. False: #GP. The vCPU's kind of guest is asked first (vcpu/guest_kind.hpp).
bool read_guest_msr(Vcpu& vcpu, std::uint32_t msr, std::uint64_t& value);
bool write_guest_msr(Vcpu& vcpu, std::uint32_t msr, std::uint64_t value);

}  // namespace hv::x86
