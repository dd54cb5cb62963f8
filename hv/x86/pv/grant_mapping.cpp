// Grants in page tables of PV guests. The references that a mapping stands for come from the grant code and go back to it:
// see hv/domain/grant_seams.hpp.
#include "hv/domain/grant_seams.hpp"

#include "hv/abi/xen/grant_table.hpp"
#include "hv/domain/domain.hpp"
#include "hv/x86/pv/arch_vcpu.hpp"
#include "hv/x86/pv/entry_references.hpp"
#include "hv/x86/pv/guest_tables.hpp"
#include "hv/x86/pv/table_lock.hpp"
#include "hv/x86/pv/tlb.hpp"

namespace hv {
namespace x86 {
namespace {

// The L1 entry that a GrantPlace means, with its table locked.
class LockedEntry {
  public:
    static Result<LockedEntry> at_machine(Domain& domain, std::uint64_t address) {
        if (address & (sizeof(Pte) - 1)) return fail(Error::BadArgument);
        return lock(domain, frame_of(MachineAddress{address}), static_cast<unsigned>((address & (kPageSize - 1)) / sizeof(Pte)));
    }
    static Result<LockedEntry> at_virtual(Vcpu& vcpu, std::uint64_t address) {
        const Mfn table = guest_l1_table(vcpu, GuestVirtual{address});
        if (table == kInvalidMfn) return fail(Error::BadArgument);
        return lock(vcpu.domain, table, index_in_l1(address));
    }
    static Result<LockedEntry> at(Vcpu& vcpu, const GrantPlace& where) {
        if (where.flags & abi::xen::kGntmapContainsPte) return at_machine(vcpu.domain, where.address);
        return at_virtual(vcpu, where.address);
    }

    LockedEntry(LockedEntry&& other) noexcept : table_{other.table_}, entry_{other.entry_} { other.table_ = nullptr; }
    LockedEntry(const LockedEntry&) = delete;
    LockedEntry& operator=(const LockedEntry&) = delete;
    ~LockedEntry() {
        if (!table_) return;
        unlock_table(*table_);
        put_frame(*table_);
    }

    Pte read() const { return __atomic_load_n(entry_, __ATOMIC_RELAXED); }
    Pte exchange(Pte value) { return __atomic_exchange_n(entry_, value, __ATOMIC_ACQ_REL); }

  private:
    LockedEntry(FrameInfo* table, Pte* entry) : table_{table}, entry_{entry} {}
    static Result<LockedEntry> lock(Domain& domain, Mfn frame, unsigned index) {
        FrameInfo* info = TRY(get_frame(frame, domain.id));
        if (const Result<> locked = lock_l1_table(*info, Preemption::Forbidden); !locked) {
            put_frame(*info);
            return fail(locked.error());
        }
        return LockedEntry{info, static_cast<Pte*>(frame_pointer(frame)) + index};
    }

    FrameInfo* table_;
    Pte* entry_;
};

Pte entry_for(const GrantPlace& where, Mfn frame) {
    Pte entry = make_pte(frame, kPtePresent | kPteAccessed | kPteDirty | kPteNoExecute);
    if (!(where.flags & abi::xen::kGntmapReadonly)) entry |= kPteWritable;
    if (where.flags & abi::xen::kGntmapApplicationMap) entry |= kPteUser;
    const std::uint32_t available = (where.flags >> 16) & 7;
    return adjust_l1(entry | (Pte{available} << 9));
}

Result<> clear_if(LockedEntry& entry, const GrantPlace& where, Mfn frame, Pte value) {
    const Pte now = entry.read();
    const bool writable = !(where.flags & abi::xen::kGntmapReadonly);
    if (!is_present(now) || frame_in(now) != frame || ((now & kPteWritable) != 0) != writable) return fail(Error::BadArgument);
    entry.exchange(value);
    return {};
}

}  // namespace
}  // namespace x86

Result<> map_grant(Vcpu& vcpu, GrantPlace where, Mfn frame) {
    auto entry = TRY(x86::LockedEntry::at(vcpu, where));
    FrameInfo& info = frame_info(frame);
    info.count.fetch_or(FrameInfo::kForeignMapped, std::memory_order_relaxed);
    x86::put_l1_entry(entry.exchange(x86::entry_for(where, frame)));
    return {};
}

Result<> unmap_grant(Vcpu& vcpu, GrantPlace where, Mfn frame) {
    auto entry = TRY(x86::LockedEntry::at(vcpu, where));
    return x86::clear_if(entry, where, frame, 0);
}

Result<> replace_grant(Vcpu& vcpu, GrantPlace where, Mfn frame, GuestVirtual other) {
    if (other.raw == 0) return unmap_grant(vcpu, where, frame);
    x86::Pte moved = 0;
    {
        auto source = TRY(x86::LockedEntry::at_virtual(vcpu, other.raw));
        moved = source.exchange(0);
    }
    auto entry = TRY(x86::LockedEntry::at(vcpu, where));
    const Result<> replaced = x86::clear_if(entry, where, frame, moved);
    // The source entry is gone either way; its references go with it when it found no new place.
    if (!replaced) x86::put_l1_entry(moved);
    return replaced;
}

void flush_grant_mappings(Domain& domain) {
    x86::flush_cpus(x86::cpus_of(domain));
}

}  // namespace hv
