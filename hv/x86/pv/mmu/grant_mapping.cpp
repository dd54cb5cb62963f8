// Grants in page tables of PV guests. The references that a mapping stands for come from the grant code and
// go back to it: see hv/domain/guest_kind.hpp.
#include <optional>

#include "hv/abi/xen/grant_table.hpp"
#include "hv/domain/domain.hpp"
#include "hv/x86/pv/mmu/entry_references.hpp"
#include "hv/x86/pv/mmu/guest_tables.hpp"
#include "hv/x86/pv/mmu/table_lock.hpp"
#include "hv/x86/pv/mmu/tlb.hpp"
#include "hv/x86/pv/pv_guest.hpp"

namespace hv::x86 {
namespace {

// The L1 entry that a GrantPlace means.
struct Place {
    Mfn table;
    unsigned index;
};

Result<Place> find_virtual(const Vcpu& vcpu, std::uint64_t address) {
    const Mfn table = guest_l1_table(vcpu, GuestVirtual{address});
    if (table == kInvalidMfn) return fail(Error::BadArgument);
    return Place{table, index_in(1, address)};
}

Result<Place> find(const Vcpu& vcpu, const GrantPlace& where) {
    if (!(where.flags & abi::xen::kGntmapContainsPte)) return find_virtual(vcpu, where.address);
    if (where.address & (sizeof(Pte) - 1)) return fail(Error::BadArgument);
    return Place{frame_of(MachineAddress{where.address}),
                 static_cast<unsigned>((where.address & (kPageSize - 1)) / sizeof(Pte))};
}

// Its table, locked.
class LockedTable {
  public:
    // Error::Restart: other vCPUs of the domain want it all the time.
    static Result<LockedTable> lock(Domain& domain, Mfn frame) {
        FrameInfo* info = TRY(get_frame(frame, domain.id));
        if (const Result<> locked = lock_l1_table(*info, Preemption::Allowed); !locked) {
            put_frame(*info);
            return fail(locked.error());
        }
        return LockedTable{info};
    }

    LockedTable(LockedTable&& other) noexcept : info_{other.info_} { other.info_ = nullptr; }
    LockedTable(const LockedTable&) = delete;
    LockedTable& operator=(const LockedTable&) = delete;
    ~LockedTable() {
        if (!info_) return;
        unlock_table(*info_);
        put_frame(*info_);
    }

  private:
    explicit LockedTable(FrameInfo* info) : info_{info} {}
    FrameInfo* info_;
};

// With its table locked.
Pte* entry_at(const Place& place) {
    return static_cast<Pte*>(frame_pointer(place.table)) + place.index;
}

Pte exchange(const Place& place, Pte value) {
    return __atomic_exchange_n(entry_at(place), value, __ATOMIC_ACQ_REL);
}

Pte entry_for(const GrantPlace& where, Mfn frame) {
    Pte entry = make_pte(frame, kPtePresent | kPteAccessed | kPteDirty | kPteNoExecute);
    if (!(where.flags & abi::xen::kGntmapReadonly)) entry |= kPteWritable;
    if (where.flags & abi::xen::kGntmapApplicationMap) entry |= kPteUser;
    const std::uint32_t available = (where.flags >> 16) & 7;
    return adjust_l1(entry | (Pte{available} << 9));
}

bool maps(const Place& place, const GrantPlace& where, Mfn frame) {
    const Pte now = __atomic_load_n(entry_at(place), __ATOMIC_RELAXED);
    const bool writable = !(where.flags & abi::xen::kGntmapReadonly);
    return is_present(now) && frame_in(now) == frame && ((now & kPteWritable) != 0) == writable;
}

Result<> move_entry(Domain& domain, const Place& place, const GrantPlace& where, Mfn frame, const Place& source) {
    const bool same_table = place.table == source.table;
    if (same_table && place.index == source.index) return fail(Error::BadArgument);
    // Two tables are locked in the order of their numbers, so that two calls that name them the other way round cannot
    // wait for each other.
    const LockedTable first =
        TRY(LockedTable::lock(domain, place.table.raw < source.table.raw ? place.table : source.table));
    std::optional<LockedTable> second;
    if (!same_table)
        second.emplace(TRY(LockedTable::lock(domain, place.table.raw < source.table.raw ? source.table : place.table)));
    if (!maps(place, where, frame)) return fail(Error::BadArgument);
    exchange(place, exchange(source, 0));
    return {};
}

}  // namespace

Result<> PvGuest::map_grant(Vcpu& vcpu, GrantPlace where, Mfn frame) const {
    const Place place = TRY(find(vcpu, where));
    const auto table = TRY(LockedTable::lock(vcpu.domain, place.table));
    FrameInfo& info = frame_info(frame);
    info.count.fetch_or(FrameInfo::kForeignMapped, std::memory_order_relaxed);
    put_l1_entry(exchange(place, entry_for(where, frame)));
    return {};
}

Result<> PvGuest::unmap_grant(Vcpu& vcpu, GrantPlace where, Mfn frame, GuestVirtual replacement) const {
    const Place place = TRY(find(vcpu, where));
    if (replacement.raw != 0)
        return move_entry(vcpu.domain, place, where, frame, TRY(find_virtual(vcpu, replacement.raw)));
    const auto table = TRY(LockedTable::lock(vcpu.domain, place.table));
    if (!maps(place, where, frame)) return fail(Error::BadArgument);
    exchange(place, 0);
    return {};
}

void PvGuest::flush_grant_mappings(Domain& domain) const {
    flush_cpus(cpus_of(domain));
}

}  // namespace hv::x86
