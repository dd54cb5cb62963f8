// Event channels of this domain, delivered through a descriptor.
#pragma once

#include <cstdint>
#include <optional>

#include "hvctl/file_descriptor.hpp"
#include "hvctl/types.hpp"

namespace hvctl {

// Virtual interrupts that a toolstack listens to (Xen's VIRQ_*).
enum class Virq : std::uint32_t { Timer = 0, Debug = 1, Console = 2, DomainException = 3, DebuggerConsoleRing = 6 };

// One open /dev/xen/evtchn. Ports bound here are closed with it. A port that has fired is masked until unmask().
class EventChannels {
  public:
    // The descriptor is non-blocking. NotOnHv and NotRoot as open_hypercall_port().
    static Result<EventChannels> open();

    // Connects to a port that `remote` holds open for this domain; returns the local port. It fires once at once, so
    // that what was sent before is not missed.
    [[nodiscard]] Result<EventPort> bind_interdomain(DomainId remote, EventPort remote_port) const;
    [[nodiscard]] Result<EventPort> bind_virq(Virq virq) const;
    [[nodiscard]] Result<void> unbind(EventPort port) const;
    [[nodiscard]] Result<void> notify(EventPort port) const;

    // Readable when a port has fired.
    [[nodiscard]] int fd() const { return device_.get(); }
    // The next port that has fired, nothing when there is none. After an overflow of the kernel's buffer (Io, EFBIG)
    // call reset(), look at every ring, and unmask every port.
    [[nodiscard]] Result<std::optional<EventPort>> pending() const;
    [[nodiscard]] Result<void> unmask(EventPort port) const;
    [[nodiscard]] Result<void> reset() const;

  private:
    explicit EventChannels(UniqueFd device) : device_{std::move(device)} {}
    UniqueFd device_;
};

}  // namespace hvctl
