// Another domain's memory, mapped into this process.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "hvctl/file_descriptor.hpp"
#include "hvctl/types.hpp"

namespace hvctl {

enum class Access : std::uint8_t { ReadOnly, ReadWrite };

class ForeignMemory {
  public:
    // Opens its own /dev/xen/privcmd; NotOnHv and NotRoot as open_hypercall_port().
    static Result<ForeignMemory> open();

    // Maps `frames` of `domain` side by side. The error names the first frame that cannot be mapped.
    [[nodiscard]] Result<Mapping> map(DomainId domain, std::span<const Mfn> frames, Access access) const;

  private:
    explicit ForeignMemory(UniqueFd device) : device_{std::move(device)} {}
    UniqueFd device_;
};

}  // namespace hvctl
