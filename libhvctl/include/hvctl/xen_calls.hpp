// The calls of Xen's public interface that a toolstack makes on behalf of another domain.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "hvctl/hypercall.hpp"
#include "hvctl/types.hpp"

namespace hvctl {

// One change of the machine-to-phys table: `mfn` is the domain's pseudo-physical frame `pfn`.
struct MachineToPhys {
    Mfn mfn;
    Pfn pfn;
};

// The port must outlive it. Thread-safe as the port is.
class XenCalls {
  public:
    explicit XenCalls(HypercallPort& port) : port_{port} {}

    // Gives a PV domain memory: frames for pfns [first, first + count), in that order, large extents where the host has
    // them. hv sets the machine-to-phys entries. NoMemory says how many frames were found; those stay with the domain.
    [[nodiscard]] Result<std::vector<Mfn>> populate(DomainId domain, Pfn first, std::uint64_t count) const;

    // A port in `domain` that `remote` may bind to.
    [[nodiscard]] Result<EventPort> alloc_unbound(DomainId domain, DomainId remote) const;
    // Closes one of the caller's own ports.
    [[nodiscard]] Result<void> close_port(EventPort port) const;

    // Validates the page tables under an L4 frame and pins them, or lets them go.
    [[nodiscard]] Result<void> pin_l4(DomainId domain, Mfn frame) const;
    [[nodiscard]] Result<void> unpin(DomainId domain, Mfn frame) const;
    [[nodiscard]] Result<void> update_machine_to_phys(DomainId domain, std::span<const MachineToPhys> updates) const;

    // XENVER_version: major in the upper half, minor in the lower.
    [[nodiscard]] Result<std::uint32_t> xen_version() const;
    // XENVER_get_features: XENFEAT_* bits of submap 0.
    [[nodiscard]] Result<std::uint32_t> features() const;

  private:
    HypercallPort& port_;
};

}  // namespace hvctl
