// What one domain may use of the store. Dom0 is not limited.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace hvctld::store {

enum class Quota : std::uint8_t {
    Nodes,             // nodes that the domain owns
    Watches,           // watches that it has set
    Transactions,      // transactions open at once
    NodeSize,          // bytes of one value
    NodePermissions,   // permission entries of one node
    PathLength,        // bytes of an absolute path
    TransactionNodes,  // nodes that one transaction may touch
    OutstandingBytes,  // replies and events that the domain has not taken; above it its connection is closed
    Memory,            // bytes in all: of its nodes, and of what its open transactions hold
};
inline constexpr std::size_t kQuotaCount = 9;

// "nodes", "watches", "transactions", "node-size", "node-permissions", "path-length", "transaction-nodes",
// "outstanding-bytes", "memory"
std::string_view quota_name(Quota quota);
std::optional<Quota> quota_by_name(std::string_view name);

class Quotas {
  public:
    constexpr std::uint32_t get(Quota quota) const { return limits_[static_cast<std::size_t>(quota)]; }
    constexpr void set(Quota quota, std::uint32_t limit) { limits_[static_cast<std::size_t>(quota)] = limit; }
    constexpr bool operator==(const Quotas&) const = default;

  private:
    std::array<std::uint32_t, kQuotaCount> limits_{1000, 128, 10, 2048, 5, 3072, 1024, 1024 * 1024, 8 * 1024 * 1024};
};

using QuotaCounters = std::array<std::uint64_t, kQuotaCount>;

}  // namespace hvctld::store
