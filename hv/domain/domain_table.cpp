#include "hv/domain/domain_table.hpp"

#include <array>
#include <atomic>
#include <cstdint>

#include "hv/base/nospec.hpp"
#include "hv/domain/domain.hpp"

namespace hv {
namespace {

constinit Spinlock g_lock{LockRank::DomainList};
constinit DomainId g_last_chosen;

// Each slot holds a domain's address, or 0. The lowest bit is the slot's lock: the CPU that has set it keeps the domain
// in the table, and the table's reference keeps the domain. An empty slot is never locked.
using Slot = std::atomic<std::uintptr_t>;
constexpr std::uintptr_t kLocked = 1;
static_assert(alignof(Domain) > kLocked);
constinit std::array<Slot, kMaxDomains> g_slots{};

// The locked slot's domain; null, and no lock, when it has none.
Domain* lock_slot(Slot& slot) {
    std::uintptr_t word = slot.load(std::memory_order_relaxed);
    while (word != 0) {
        if (word & kLocked) {
            spin_pause();
            word = slot.load(std::memory_order_relaxed);
        } else if (slot.compare_exchange_weak(word, word | kLocked, std::memory_order_acquire,
                                              std::memory_order_relaxed)) {
            return reinterpret_cast<Domain*>(word);
        }
    }
    return nullptr;
}

DomainRef reference_at(DomainId id) {
    Slot& slot = g_slots[index_nospec(id, kMaxDomains).raw];
    Domain* domain = lock_slot(slot);
    if (!domain) return DomainRef{};
    domain->references.fetch_add(1, std::memory_order_relaxed);
    slot.store(reinterpret_cast<std::uintptr_t>(domain), std::memory_order_release);
    return DomainRef{domain};
}

}  // namespace

Domain* domain_in_table(DomainId id) {
    if (id.raw >= kMaxDomains) return nullptr;
    return reinterpret_cast<Domain*>(g_slots[index_nospec(id, kMaxDomains).raw].load(std::memory_order_acquire) &
                                     ~kLocked);
}

bool publish_domain(Domain& domain) {
    std::uintptr_t expected = 0;
    return g_slots[domain.id.raw].compare_exchange_strong(expected, reinterpret_cast<std::uintptr_t>(&domain),
                                                          std::memory_order_acq_rel);
}

void withdraw_domain(Domain& domain) {
    lock_slot(g_slots[domain.id.raw]);
    g_slots[domain.id.raw].store(0, std::memory_order_release);
}

DomainId choose_domain_id() {
    Guard guard{g_lock};
    for (unsigned tries = 0; tries < kMaxDomains - 1u; ++tries) {
        g_last_chosen = g_last_chosen.next().raw >= kMaxDomains ? DomainId{1} : g_last_chosen.next();
        if (!domain_in_table(g_last_chosen)) return g_last_chosen;
    }
    return DomainId{0};
}

Result<DomainRef> find_domain(DomainId id) {
    if (id == kDomainSelf) id = current_domain().id;
    if (id.raw >= kMaxDomains) return fail(Error::NoDomain);
    DomainRef reference = reference_at(id);
    if (!reference || reference->dying.load(std::memory_order_acquire) == Dying::Dead) return fail(Error::NoDomain);
    return reference;
}

Result<DomainRef> find_target_domain(DomainId id) {
    Domain& caller = current_domain();
    if (id != kDomainSelf && id != caller.id && !caller.privileged) return fail(Error::NotPermitted);
    return find_domain(id);
}

DomainRef next_domain(DomainId from) {
    for (DomainId id = from; id.raw < kMaxDomains; ++id) {
        DomainRef reference = reference_at(id);
        if (reference) return reference;
    }
    return DomainRef{};
}

Domain* privileged_domain() {
    return domain_in_table(DomainId{0});
}

}  // namespace hv
