// Frames that other domains have granted to this one, mapped into this process.
#pragma once

#include <cstdint>
#include <span>

#include "hvctl/file_descriptor.hpp"
#include "hvctl/foreign_memory.hpp"
#include "hvctl/types.hpp"

namespace hvctl {

// Each mapping keeps its own descriptor, so that it ends with its owner and not before.
class GrantMapping {
  public:
    // Maps `references` of `domain` side by side. NotOnHv and NotRoot as open_hypercall_port().
    static Result<GrantMapping> map(DomainId domain, std::span<const GrantRef> references, Access access);

    GrantMapping(GrantMapping&&) = default;
    GrantMapping& operator=(GrantMapping&&) = delete;
    ~GrantMapping();

    [[nodiscard]] std::span<std::byte> bytes() const { return memory_.bytes(); }

  private:
    GrantMapping(UniqueFd device, Mapping memory) : device_{std::move(device)}, memory_{std::move(memory)} {}

    UniqueFd device_;
    Mapping memory_;
};

}  // namespace hvctl
