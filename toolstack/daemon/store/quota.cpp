#include "store/quota.hpp"

namespace hvctld::store {

namespace {
constexpr std::array<std::string_view, kQuotaCount> kNames{
    "nodes",       "watches",           "transactions",      "node-size", "node-permissions",
    "path-length", "transaction-nodes", "outstanding-bytes", "memory"};
}

std::string_view quota_name(Quota quota) {
    return kNames[static_cast<std::size_t>(quota)];
}

std::optional<Quota> quota_by_name(std::string_view name) {
    for (std::size_t i = 0; i < kQuotaCount; ++i) {
        if (kNames[i] == name) return static_cast<Quota>(i);
    }
    return std::nullopt;
}

}  // namespace hvctld::store
