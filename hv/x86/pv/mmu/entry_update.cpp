#include "hv/x86/pv/mmu/entry_update.hpp"

#include "hv/abi/xen/layout.hpp"
#include "hv/base/spinlock.hpp"
#include "hv/domain/domain.hpp"
#include "hv/machine/preemption.hpp"
#include "hv/x86/pv/mmu/entry_references.hpp"
#include "hv/x86/pv/mmu/linear_tables.hpp"
#include "hv/x86/pv/mmu/roots.hpp"
#include "hv/x86/pv/mmu/table_lock.hpp"
#include "hv/x86/pv/pv_vcpu.hpp"

namespace hv::x86 {
namespace {

Pte* entry_pointer(FrameInfo& table, unsigned index) {
    return static_cast<Pte*>(frame_pointer(frame_number(table))) + index;
}

constexpr Pte kAccessedDirty = kPteAccessed | kPteDirty;

// How the new value gets into the entry.
struct Store {
    bool keep_accessed = false;     // merge accessed and dirty bits that the processor set meanwhile
    const Pte* expected = nullptr;  // only if the entry is still this
};

// Stores `value`; `replaced` is exactly what it replaced.
bool exchange(Pte* entry, Pte value, const Store& how, Pte& replaced) {
    if (how.expected) {
        replaced = *how.expected;
        return __atomic_compare_exchange_n(entry, &replaced, value, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
    }
    if (!how.keep_accessed) {
        replaced = __atomic_exchange_n(entry, value, __ATOMIC_ACQ_REL);
        return true;
    }
    replaced = __atomic_load_n(entry, __ATOMIC_RELAXED);
    while (!__atomic_compare_exchange_n(entry, &replaced, value | (replaced & kAccessedDirty), true, __ATOMIC_ACQ_REL,
                                        __ATOMIC_RELAXED)) {
    }
    return true;
}

Result<> update_l1(Pte* entry, Pte value, Domain& table_owner, DomainId frame_owner, const Store& how) {
    const Pte old = __atomic_load_n(entry, __ATOMIC_RELAXED);
    const Pte adjusted = adjust_l1(value);
    constexpr Pte kIdentity = kPteFrameMask | kPtePresent | kPteWritable;
    Pte replaced;
    if (is_present(value) && ((old ^ adjusted) & kIdentity) == 0) {
        // The same frame with the same rights: the references stay.
        if (!l1_bits_allowed(value, table_owner)) return fail(Error::BadArgument);
        note_caching(value);
        return exchange(entry, adjusted, how, replaced) ? Result<>{} : fail(Error::Again);
    }
    TRY(get_l1_entry(value, table_owner, frame_owner));
    if (!exchange(entry, adjusted, how, replaced)) {
        put_l1_entry(value);
        return fail(Error::Again);
    }
    put_l1_entry(replaced);
    return {};
}

// Gives up what an entry stood for; what is too much for now is put aside.
void let_go(Pte entry, FrameInfo& table, unsigned level) {
    Result<> put;
    if (FrameInfo* below = put_upper_type(entry, table, level, put)) put_frame_or_aside(current_vcpu(), *below, put);
}

// The table is locked, so nothing else changes this entry, except that the processor may set its accessed bit.
Result<> update_upper(FrameInfo& table, unsigned level, unsigned index, Pte value, Domain& table_owner,
                      const Store& how) {
    Pte* entry = entry_pointer(table, index);
    const Pte old = __atomic_load_n(entry, __ATOMIC_RELAXED);
    const Pte adjusted = adjust_upper(value);
    Pte replaced;
    if (is_present(value) && is_present(old) && frame_in(old) == frame_in(value)) {
        if (value & ~kAllowedUpper) return fail(Error::BadArgument);
        if ((value & kPteWritable) && is_linear(old, level)) return fail(Error::BadArgument);
        if (!exchange(entry, adjusted, how, replaced)) return fail(Error::Again);
        if (level == 4) root_changed(table_owner);
        return {};
    }
    TRY(get_upper_entry(value, table, level, index, table_owner));
    if (!exchange(entry, adjusted, how, replaced)) {
        let_go(value, table, level);
        return fail(Error::Again);
    }
    if (level == 4) root_changed(table_owner);
    let_go(replaced, table, level);
    return {};
}

Result<> update_with(FrameInfo& table, unsigned level, unsigned index, Pte value, Domain& table_owner,
                     DomainId frame_owner, const Store& how) {
    if (level == 1) return update_l1(entry_pointer(table, index), value, table_owner, frame_owner, how);
    if (level == 4 && index >= abi::xen::kFirstHypervisorSlot && index <= abi::xen::kLastHypervisorSlot)
        return fail(Error::BadArgument);
    return update_upper(table, level, index, value, table_owner, how);
}

}  // namespace

Result<> update_entry(FrameInfo& table, unsigned level, unsigned index, Pte value, Domain& table_owner,
                      DomainId frame_owner, bool keep_accessed) {
    return update_with(table, level, index, value, table_owner, frame_owner, {.keep_accessed = keep_accessed});
}

Result<> replace_entry(FrameInfo& table, unsigned level, unsigned index, Pte expected, Pte value, Domain& table_owner) {
    return update_with(table, level, index, value, table_owner, table_owner.id, {.expected = &expected});
}

Result<> update_entry_at(MachineAddress where, Pte value, Domain& table_owner, DomainId frame_owner,
                         bool keep_accessed) {
    if (where.raw & (sizeof(Pte) - 1)) return fail(Error::BadArgument);
    const auto index = static_cast<unsigned>(where.offset_in_page() / sizeof(Pte));
    FrameInfo* info = TRY(get_frame(frame_of(where), table_owner.id));
    Result<> done;
    for (;;) {
        const Result<FrameType> type = lock_table(*info);
        if (!type) {
            done = fail(type.error());
            break;
        }
        if (*type != FrameType::None) {
            done = update_entry(*info, level_of(*type), index, value, table_owner, frame_owner, keep_accessed);
            unlock_table(*info);
            break;
        }
        // Plain memory that the owner could write itself. If it just became a page table, look again.
        done = get_frame_type(*info, FrameType::Writable, Preemption::Allowed);
        if (done) {
            __atomic_store_n(entry_pointer(*info, index), value, __ATOMIC_RELEASE);
            put_frame_type(*info);
            break;
        }
        const FrameType now = info->frame_type();
        if (!is_page_table(now) || info->type_count() == 0 ||
            (info->type.load(std::memory_order_acquire) & FrameInfo::kPartial))
            break;
        // Another CPU is validating it, and may be waiting for this one to flush its TLB.
        if (preemption_needed()) {
            done = fail(Error::Restart);
            break;
        }
        spin_pause();
    }
    put_frame(*info);
    return done;
}

void put_aside(Vcpu& vcpu, FrameInfo& info) {
    for (FrameInfo*& slot : pv(vcpu).unfinished) {
        if (slot) continue;
        slot = &info;
        return;
    }
    // Both slots are taken. Hypercalls that finish older work before they begin never get here. The frame keeps the
    // work until it is needed, or until the end of its domain.
    put_frame(info);
}

void put_frame_or_aside(Vcpu& vcpu, FrameInfo& info, const Result<>& undone) {
    if (undone) {
        put_frame(info);
    } else {
        put_aside(vcpu, info);
    }
}

void put_table(Vcpu& vcpu, FrameInfo& table) {
    put_frame_or_aside(vcpu, table, put_frame_type_preemptible(table));
}

Result<> finish_what_is_unfinished(Vcpu& vcpu) {
    for (FrameInfo*& info : pv(vcpu).unfinished) {
        if (!info) continue;
        TRY(finish_partial(*info));
        put_frame(*info);
        info = nullptr;
        if (has_unfinished(vcpu) && preemption_needed()) return fail(Error::Restart);
    }
    return {};
}

}  // namespace hv::x86
