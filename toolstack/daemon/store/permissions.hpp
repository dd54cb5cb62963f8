// Permissions of a node: an owner, what all other domains may do, and exceptions for single domains.
// On the wire an entry is a letter and a domain number: n0, r5, w1, b2 (docs: "xenstore permissions").
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "store/types.hpp"

namespace hvctld::store {

enum class Access : std::uint8_t { None = 0, Read = 1, Write = 2, Both = 3 };

constexpr bool allows(Access have, Access want) {
    return (static_cast<unsigned>(have) & static_cast<unsigned>(want)) == static_cast<unsigned>(want);
}

struct PermissionEntry {
    DomainId domain;
    Access access = Access::None;
    auto operator<=>(const PermissionEntry&) const = default;
};

// Never empty. The first entry names the owner (which may do everything) and what domains without an entry may do;
// each further entry is for one domain.
using Permissions = std::vector<PermissionEntry>;

std::optional<PermissionEntry> parse_permission(std::string_view text);
std::string format_permission(const PermissionEntry& entry);

}  // namespace hvctld::store
