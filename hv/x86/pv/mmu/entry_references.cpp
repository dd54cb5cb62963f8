#include "hv/x86/pv/mmu/entry_references.hpp"

#include <algorithm>

#include "hv/base/log.hpp"
#include "hv/domain/domain.hpp"
#include "hv/x86/cpu/cpuid.hpp"
#include "hv/x86/devices/io_permissions.hpp"
#include "hv/x86/pv/mmu/linear_tables.hpp"
#include "hv/x86/pv/pv_vcpu.hpp"

namespace hv::x86 {
namespace {

Result<> check_absent(Pte entry, unsigned level, const Domain& owner) {
    if (absent_entry_allowed(entry, level, owner)) return {};
    log(LogLevel::GuestError, "d{}: a page-table entry that is not present names memory ({:x}): see pv-l1tf", owner.id,
        entry);
    return fail(Error::BadArgument);
}

}  // namespace

Pte adjust_l1(Pte entry) {
    if (!is_present(entry)) return entry;
    if (!(entry & kPteUser)) entry |= kPteGuestKernel | kPteUser;
    if ((entry & kPteWritable) && !is_counted(frame_in(entry)) && !io_frame_writable(frame_in(entry)))
        entry &= ~kPteWritable;
    return entry & ~kPteGlobal;
}

bool absent_entry_allowed(Pte entry, unsigned level, const Domain& table_owner) {
    if (!pv(table_owner).harmless_absent) return true;
    // Such processors look at this bit though the entry is not present, and then at 2 MiB or 1 GiB from the rounded
    // address on, memory's first for 0. In L4 too, which is walked as an L3 where tables are linear.
    if (level > 1 && (entry & kPteLarge)) return false;
    // Of an address, what the caches of all such processors look at, and of those with fewer wires, what they have.
    constexpr unsigned kSeenByCaches = 44;
    const Pte seen = (Pte{1} << std::min(kSeenByCaches, unsigned{cpu_model().physical_bits})) - 1;
    const Pte address = entry & kPteFrameMask & seen;
    return address == 0 || (address >> kPageShift) >= max_mfn();
}

bool l1_bits_allowed(Pte entry, const Domain& table_owner) {
    const bool has_io = table_owner.privileged;
    return !(entry & ~kAllowedL1) && (has_io || !(entry & kCacheBits));
}

void note_caching(Pte entry) {
    if (!(entry & kCacheBits) || !(entry & kPteWritable) || !is_counted(frame_in(entry))) return;
    frame_info(frame_in(entry)).type.fetch_or(FrameInfo::kIncoherent, std::memory_order_relaxed);
}

Result<> get_l1_entry(Pte entry, Domain& table_owner, DomainId frame_owner) {
    if (!is_present(entry)) return check_absent(entry, 1, table_owner);
    if (!l1_bits_allowed(entry, table_owner)) return fail(Error::BadArgument);
    const Mfn frame = frame_in(entry);
    if (!is_counted(frame)) {
        // I/O memory: only the privileged domain maps it, under its own name or DOMID_IO.
        // An address that the processor does not have would make the entry's bits reserved ones.
        const bool exists = !(frame.raw >> (cpu_model().physical_bits - kPageShift));
        const bool entitled =
            exists && table_owner.privileged && (frame_owner == table_owner.id || frame_owner == kOwnerIo);
        return entitled ? Result<>{} : fail(Error::BadArgument);
    }
    FrameInfo* info = TRY(get_frame_to_map(frame, frame_owner));
    if (frame_owner != table_owner.id && !(info->count.load(std::memory_order_relaxed) & FrameInfo::kForeignMapped))
        info->count.fetch_or(FrameInfo::kForeignMapped, std::memory_order_relaxed);
    if (!(entry & kPteWritable)) return {};
    if (Result<> typed = get_frame_type(*info, FrameType::Writable, Preemption::Allowed); !typed) {
        put_frame(*info);
        return typed;
    }
    note_caching(entry);
    return {};
}

void put_l1_entry(Pte entry) {
    if (!is_present(entry) || !is_counted(frame_in(entry))) return;
    FrameInfo& info = frame_info(frame_in(entry));
    if (entry & kPteWritable) put_frame_type(info);
    put_frame(info);
}

Result<> get_upper_entry(Pte entry, FrameInfo& table, unsigned level, unsigned index, Domain& owner) {
    if (!is_present(entry)) return check_absent(entry, level, owner);
    if (entry & ~kAllowedUpper) return fail(Error::BadArgument);
    FrameInfo* info = TRY(get_frame(frame_in(entry), owner.id));
    Result<> typed;
    const bool own = info == &table;
    const bool valid =
        own || (info->type_count() != 0 && (info->type.load(std::memory_order_acquire) & FrameInfo::kValidated));
    if (owner.linear_tables && !(entry & kPteWritable) && is_linear(entry, level) && valid) [[unlikely]] {
        if (!own) typed = get_linear(table, *info, level);
        if (typed && level == 4) hide_slot(owner, index);
        if (typed && own) put_frame(*info);
    } else {
        typed = get_frame_type(*info, page_table_type(level - 1), Preemption::Allowed);
    }
    if (!typed) put_frame(*info);
    return typed;
}

FrameInfo* put_upper_type(Pte entry, FrameInfo& table, unsigned level, Result<>& put) {
    if (!is_present(entry)) return nullptr;
    FrameInfo& info = frame_info(frame_in(entry));
    if (&info == &table) return nullptr;
    put = is_linear(entry, level) ? put_linear(table, info) : put_frame_type_preemptible(info);
    return &info;
}

Result<> put_upper_entry(Pte entry, FrameInfo& table, unsigned level) {
    Result<> put;
    if (FrameInfo* info = put_upper_type(entry, table, level, put)) put_frame(*info);
    return put;
}

}  // namespace hv::x86
