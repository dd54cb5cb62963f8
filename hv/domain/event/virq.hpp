// Which VIRQs there are once per domain, and which only the privileged domain may have.
#pragma once

#include <cstdint>

#include "hv/abi/xen/shared_info.hpp"

namespace hv {

constexpr bool virq_is_global(std::uint32_t virq) {
    switch (static_cast<abi::xen::Virq>(virq)) {
        case abi::xen::Virq::Timer:
        case abi::xen::Virq::Debug:
        case abi::xen::Virq::Xenoprof:
        case abi::xen::Virq::Pmu: return false;
        default: return true;
    }
}

constexpr bool virq_is_privileged(std::uint32_t virq) {
    switch (static_cast<abi::xen::Virq>(virq)) {
        case abi::xen::Virq::Console:
        case abi::xen::Virq::DomainException:
        case abi::xen::Virq::TraceBuffer:
        case abi::xen::Virq::Debugger:
        case abi::xen::Virq::ConsoleRing:
        case abi::xen::Virq::PcpuState:
        case abi::xen::Virq::MemoryEvent:
        case abi::xen::Virq::NoMemory: return true;
        default: return virq >= static_cast<std::uint32_t>(abi::xen::Virq::Arch0);
    }
}

}  // namespace hv
