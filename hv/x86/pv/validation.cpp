// Validation of page tables: a frame becomes a table of some level when every entry of it is one that its owner may have.
#include <cstring>

#include "hv/domain/domain.hpp"
#include "hv/domain/domain_table.hpp"
#include "hv/hypercall/hypercall.hpp"
#include "hv/memory/frame_seams.hpp"
#include "hv/x86/pv/descriptors.hpp"
#include "hv/x86/pv/entry_references.hpp"
#include "hv/x86/pv/hv_slots.hpp"

namespace hv {
namespace x86 {
namespace {

Pte* table_at(FrameInfo& info) {
    return static_cast<Pte*>(frame_pointer(frame_number(info)));
}

// Entries of an L4 table that belong to hv are neither checked nor counted.
bool is_guest_entry(unsigned level, unsigned index) {
    return level != 4 || index < kFirstHvSlot || index > kLastHvSlot;
}

Result<> take(Pte& entry, unsigned level, Domain& owner) {
    if (level == 1) {
        TRY_VOID(get_l1_entry(entry, owner, owner.id));
        const Pte adjusted = adjust_l1(entry);
        if (adjusted != entry) entry = adjusted;
        return {};
    }
    TRY_VOID(get_upper_entry(entry, level, owner.id));
    const Pte adjusted = adjust_upper(entry);
    if (adjusted != entry) entry = adjusted;
    return {};
}

Result<> give_back(Pte entry, unsigned level) {
    if (level == 1) {
        put_l1_entry(entry);
        return {};
    }
    return put_upper_entry(entry);
}

// Gives back entries from `info.progress` down. A table below that was preempted is finished first when it is met again.
// An L1 table is undone in one piece (table_lock.hpp relies on it).
Result<> undo_entries(FrameInfo& info, unsigned level) {
    Pte* table = table_at(info);
    if (level > 1 && info.progress < kEntriesPerTable && is_guest_entry(level, info.progress)) {
        const Pte entry = table[info.progress];
        if (is_present(entry)) {
            if (auto child = get_frame(frame_in(entry), info.owner())) {
                // Nothing but a table of the level below: the entry may be one that was never checked, and a chain of
                // parked tables that name each other must not decide how deep this goes.
                const Result<> finished = finish_partial(**child, static_cast<FrameType>(level - 1));
                put_frame(**child);
                TRY_VOID(finished);
            }
        }
    }
    while (info.progress > 0) {
        const unsigned index = info.progress - 1u;
        if (is_guest_entry(level, index)) {
            const Result<> given = give_back(table[index], level);
            info.progress = static_cast<std::uint16_t>(index);
            TRY_VOID(given);
            if (level > 1 && preemption_needed()) return fail(Error::Restart);
        } else {
            info.progress = static_cast<std::uint16_t>(index);
        }
    }
    return {};
}

// How many entries of an L1 table are checked between two looks: each may take a flush of other CPUs' TLBs.
constexpr unsigned kBetweenLooks = 64;

Result<> check_entries(FrameInfo& info, unsigned level) {
    Domain* owner = domain_in_table(info.owner());
    if (!owner) return fail(Error::BadArgument);
    Pte* table = table_at(info);
    while (info.progress < kEntriesPerTable) {
        const unsigned index = info.progress;
        const bool used = is_guest_entry(level, index) && table[index] != 0;
        if (used) TRY_VOID(take(table[index], level, *owner));
        info.progress = static_cast<std::uint16_t>(index + 1);
        const bool look = level > 1 ? used : info.progress % kBetweenLooks == 0;
        if (look && info.progress < kEntriesPerTable && preemption_needed()) return fail(Error::Restart);
    }
    if (level == 4) install_hv_slots(table);
    return {};
}

}  // namespace
}  // namespace x86

Result<> validate_frame(FrameInfo& info, FrameType type) {
    if (type == FrameType::Descriptor) return x86::validate_descriptor_page(info);
    return x86::check_entries(info, static_cast<unsigned>(type));
}

Result<> invalidate_frame(FrameInfo& info, FrameType type) {
    return x86::undo_entries(info, static_cast<unsigned>(type));
}

}  // namespace hv
