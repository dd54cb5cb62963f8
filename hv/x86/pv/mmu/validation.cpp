// Validation of page tables: a frame becomes a table of some level when every entry of
// it is one that its owner may have.
#include <cstring>

#include "hv/domain/domain.hpp"
#include "hv/domain/domain_table.hpp"
#include "hv/hypercall/hypercall.hpp"
#include "hv/x86/pv/descriptors/descriptors.hpp"
#include "hv/x86/pv/mmu/entry_references.hpp"
#include "hv/x86/pv/mmu/hv_slots.hpp"
#include "hv/x86/pv/mmu/roots.hpp"
#include "hv/x86/pv/pv_guest.hpp"

namespace hv::x86 {
namespace {

Pte* table_at(FrameInfo& info) {
    return static_cast<Pte*>(frame_pointer(frame_number(info)));
}

// Entries of an L4 table that belong to hv are neither checked nor counted.
bool is_guest_entry(unsigned level, unsigned index) {
    return level != 4 || index < kFirstHvSlot || index > kLastHvSlot;
}

// Most entries of most tables are 0 and mean nothing; they are looked at in groups.
constexpr unsigned kGroup = 4;
static_assert(kEntriesPerTable % kGroup == 0);

bool unused_group(const Pte* group) {
    return (group[0] | group[1] | group[2] | group[3]) == 0;
}

// The first entry from `index` on that is not 0; kEntriesPerTable when there is none.
unsigned next_used(const Pte* table, unsigned index) {
    for (; index < kEntriesPerTable; ++index) {
        while (index % kGroup == 0 && unused_group(table + index))
            if ((index += kGroup) == kEntriesPerTable) return index;
        if (table[index] != 0) break;
    }
    return index;
}

// One more than the last entry below `end` that is not 0; 0 when there is none.
unsigned used_below(const Pte* table, unsigned end) {
    for (; end > 0; --end) {
        while (end % kGroup == 0 && unused_group(table + end - kGroup))
            if ((end -= kGroup) == 0) return 0;
        if (table[end - 1] != 0) break;
    }
    return end;
}

Result<> take(FrameInfo& info, unsigned level, unsigned index, Domain& owner) {
    Pte& entry = table_at(info)[index];
    if (level == 1) {
        TRY(get_l1_entry(entry, owner, owner.id));
        const Pte adjusted = adjust_l1(entry);
        if (adjusted != entry) entry = adjusted;
        return {};
    }
    TRY(get_upper_entry(entry, info, level, index, owner));
    const Pte adjusted = adjust_upper(entry);
    if (adjusted != entry) entry = adjusted;
    return {};
}

Result<> give_back(FrameInfo& info, unsigned level, Pte entry) {
    if (level == 1) {
        put_l1_entry(entry);
        return {};
    }
    return put_upper_entry(entry, info, level);
}

// Finishes a parked table that an entry names: one of the level below, or one of the same level when the way here did
// not go through another such entry. The entry may never have been checked, and a chain of parked tables that name each
// other must not decide how deep this goes.
Result<> finish_child(const FrameInfo& info, FrameInfo& child, unsigned level, std::uint8_t within) {
    TRY(finish_partial(child, page_table_type(level - 1), within));
    const Domain* owner = domain_in_table(info.owner());
    const auto bit = static_cast<std::uint8_t>(1u << level);
    if (!owner || !owner->linear_tables || &child == &info || (within & bit)) return {};
    return finish_partial(child, page_table_type(level), within | bit);
}

// Gives back entries from `info.progress` down. A table below that was preempted is finished first when it is met
// again. An L1 table is undone in one piece (table_lock.hpp relies on it).
Result<> undo_entries(FrameInfo& info, unsigned level, std::uint8_t within) {
    Pte* table = table_at(info);
    // A table that was refused does not have them: what is there are still the guest's own words.
    if (level == 4 && info.progress == kEntriesPerTable) remove_hv_slots(table);
    if (level > 1 && info.progress < kEntriesPerTable && is_guest_entry(level, info.progress)) {
        const Pte entry = table[info.progress];
        if (is_present(entry)) {
            if (auto child = get_frame(frame_in(entry), info.owner())) {
                const Result<> finished = finish_child(info, **child, level, within);
                put_frame(**child);
                TRY(finished);
            }
        }
    }
    // What is stepped over holds no references: what `progress` says stays true.
    for (unsigned end = info.progress; (end = used_below(table, end)) > 0;) {
        const unsigned index = --end;
        if (!is_guest_entry(level, index)) continue;
        const Result<> given = give_back(info, level, table[index]);
        info.progress = static_cast<std::uint16_t>(index);
        TRY(given);
        if (level > 1 && preemption_needed()) return fail(Error::Restart);
    }
    info.progress = 0;
    return {};
}

// How many entries of an L1 table are checked between two looks. One that takes a flush of other CPUs' TLBs is followed
// by a look (get_frame_type()).
constexpr unsigned kBetweenLooks = 64;

Result<> check_entries(FrameInfo& info, unsigned level) {
    Domain* owner = domain_in_table(info.owner());
    if (!owner) return fail(Error::BadArgument);
    Pte* table = table_at(info);
    unsigned checked = 0;
    for (unsigned index = info.progress; (index = next_used(table, index)) < kEntriesPerTable;) {
        info.progress = static_cast<std::uint16_t>(index);
        if (is_guest_entry(level, index)) TRY(take(info, level, index, *owner));
        info.progress = static_cast<std::uint16_t>(++index);
        const bool look = level > 1 || ++checked % kBetweenLooks == 0;
        if (look && index < kEntriesPerTable && preemption_needed()) return fail(Error::Restart);
    }
    info.progress = kEntriesPerTable;
    if (level == 4) {
        install_hv_slots(table);
        root_made(*owner);
    }
    return {};
}

}  // namespace

Result<> PvGuest::validate_frame(FrameInfo& info, FrameType type) const {
    if (type == FrameType::Descriptor) return validate_descriptor_page(info);
    return check_entries(info, level_of(type));
}

Result<> PvGuest::invalidate_frame(FrameInfo& info, FrameType type, std::uint8_t within) const {
    return undo_entries(info, level_of(type), within);
}

}  // namespace hv::x86
