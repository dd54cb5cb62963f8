// How a processor's APIC IDs are cut: threads of a core, cores of a socket.
#pragma once

#include "hv/x86/leaks/signature.hpp"

namespace hv::x86 {

struct Topology {
    std::uint32_t threads_per_core = 1, cores_per_socket = 1;
    std::uint32_t smt_shift = 0, socket_shift = 0;  // APIC ID >> these: core, socket
};

Topology topology_of(const CpuidSource& cpuid);

}  // namespace hv::x86
