#include "store/accounts.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace hvctld::store {

const Account* Accounts::find(DomainId domain) const {
    const auto found = accounts_.find(domain);
    return found == accounts_.end() ? nullptr : &found->second;
}

std::uint64_t Accounts::memory(DomainId domain) const {
    const Account* const account = find(domain);
    if (account == nullptr) return 0;
    return static_cast<std::uint64_t>(std::max<std::int64_t>(account->node_bytes, 0)) + *account->transaction_bytes;
}

const Quotas& Accounts::quotas(DomainId domain) const {
    const auto own = own_quotas_.find(domain);
    return own == own_quotas_.end() ? defaults_ : own->second;
}

void Accounts::set_quota(DomainId domain, Quota quota, std::uint32_t limit) {
    own_quotas_.try_emplace(domain, defaults_).first->second.set(quota, limit);
}

bool Accounts::admit(DomainId domain, Quota quota, std::uint64_t wanted) {
    if (domain == kDom0) return true;
    const std::uint32_t limit = quotas(domain).get(quota);
    if (wanted <= limit) return true;
    ++of(domain).refusals[static_cast<std::size_t>(quota)];
    log_.limited(domain, LogLevel::Warning, [&] {
        return fmt::format("store: domain {} refused by quota {}: wanted {}, limit {}", domain.raw, quota_name(quota),
                           wanted, limit);
    });
    return false;
}

}  // namespace hvctld::store
