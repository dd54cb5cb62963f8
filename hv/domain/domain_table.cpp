#include "hv/domain/domain_table.hpp"

#include <array>
#include <atomic>

#include "hv/abi/control/control.hpp"
#include "hv/domain/domain.hpp"

namespace hv {
namespace {

constinit Spinlock g_lock{LockRank::DomainList};
constinit std::array<std::atomic<Domain*>, kMaxDomains> g_domains{};
constinit DomainId g_last_chosen = 0;

// Domains come from memory that is only ever used for domains, so that a reference can be tried on one that is going.
bool try_reference(Domain& domain) {
    std::uint32_t references = domain.references.load(std::memory_order_relaxed);
    do {
        if (references == 0) return false;
    } while (!domain.references.compare_exchange_weak(references, references + 1, std::memory_order_acq_rel));
    return true;
}

DomainRef reference_at(DomainId id) {
    Domain* domain = g_domains[id].load(std::memory_order_acquire);
    if (!domain || !try_reference(*domain)) return DomainRef{};
    DomainRef reference{domain};
    if (g_domains[id].load(std::memory_order_acquire) != domain || domain->id != id) return DomainRef{};
    return reference;
}

}  // namespace

Domain* domain_in_table(DomainId id) {
    return id < kMaxDomains ? g_domains[id].load(std::memory_order_acquire) : nullptr;
}

bool publish_domain(Domain& domain) {
    Domain* expected = nullptr;
    return g_domains[domain.id].compare_exchange_strong(expected, &domain, std::memory_order_acq_rel);
}

void withdraw_domain(Domain& domain) {
    g_domains[domain.id].store(nullptr, std::memory_order_release);
}

DomainId choose_domain_id() {
    Guard guard{g_lock};
    for (unsigned tries = 0; tries < kMaxDomains - 1u; ++tries) {
        g_last_chosen = g_last_chosen + 1u >= kMaxDomains ? DomainId{1} : static_cast<DomainId>(g_last_chosen + 1);
        if (!domain_in_table(g_last_chosen)) return g_last_chosen;
    }
    return 0;
}

Result<DomainRef> find_domain(DomainId id) {
    if (id == abi::control::kDomainSelf) id = current_domain().id;
    if (id >= kMaxDomains) return fail(Error::NoDomain);
    DomainRef reference = reference_at(id);
    if (!reference || reference->dying.load(std::memory_order_acquire) == Dying::Dead) return fail(Error::NoDomain);
    return reference;
}

Result<DomainRef> find_target_domain(DomainId id) {
    Domain& caller = current_domain();
    if (id != abi::control::kDomainSelf && id != caller.id && !caller.privileged) return fail(Error::NotPermitted);
    return find_domain(id);
}

DomainRef next_domain(DomainId from) {
    for (unsigned id = from; id < kMaxDomains; ++id) {
        DomainRef reference = reference_at(static_cast<DomainId>(id));
        if (reference) return reference;
    }
    return DomainRef{};
}

Domain* privileged_domain() {
    return domain_in_table(0);
}

}  // namespace hv
