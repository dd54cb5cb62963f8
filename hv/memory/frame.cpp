#include "hv/memory/frame.hpp"

#include "hv/base/log.hpp"
#include "hv/base/spinlock.hpp"
#include "hv/machine/preemption.hpp"
#include "hv/machine/tlb.hpp"
#include "hv/memory/frame_release.hpp"
#include "hv/memory/frame_types.hpp"

namespace hv {
namespace {

constexpr bool is_checked(FrameType type) {
    return type == FrameType::Descriptor || is_page_table(type);
}

// Another CPU is validating the frame: wait until it is done or gave up. That may take long for a page table, but only
// callers that can be preempted wait for one. Descriptors are quick.
Result<> wait_for_validation(const FrameInfo& info, std::uint64_t seen, Preemption preemption) {
    while (info.type.load(std::memory_order_acquire) == seen) {
        if (preemption == Preemption::Allowed && preemption_needed()) return fail(Error::Restart);
        spin_pause();
    }
    return {};
}

bool is_busy(std::uint64_t word) {
    return !(word & (FrameInfo::kValidated | FrameInfo::kPartial));
}

// Leaves the work for later: one type reference (the caller's) and one general reference now belong to the mark.
void park(FrameInfo& info) {
    HV_ASSERT(get_frame_again(info));
    info.type.fetch_or(FrameInfo::kPartial, std::memory_order_acq_rel);
}

// The only type reference goes after the entries have been given back.
void drop_last(FrameInfo& info) {
    info.tlb_stamp = tlb_clock();
    info.type.fetch_and(~FrameInfo::kRefused, std::memory_order_relaxed);
    info.type.fetch_add(FrameInfo::kGeneration - 1, std::memory_order_acq_rel);
}

Result<> undo_contents(FrameInfo& info, FrameType type, std::uint8_t within = 0) {
    Result<> undone = is_page_table(type) ? invalidate_frame(info, type, within) : Result<>{};
    if (undone) {
        drop_last(info);
    } else {
        park(info);
    }
    return undone;
}

// The caller alone holds the frame's type (count 1, not validated): check the contents and go on from `info.progress`.
Result<> check_contents(FrameInfo& info, FrameType type) {
    Result<> checked = validate_frame(info, type);
    if (checked) {
        info.type.fetch_or(FrameInfo::kValidated, std::memory_order_acq_rel);
    } else if (checked.error() == Error::Restart) {
        park(info);
    } else {
        // Should this be preempted: the call that is made again is refused once it is done.
        info.type.fetch_or(FrameInfo::kRefused, std::memory_order_relaxed);
        TRY(undo_contents(info, type));
    }
    return checked;
}

// Whose TLBs can hold the frame: its owner's alone, or those of all domains.
DomainId mapper_of(const FrameInfo& info) {
    return (info.count.load(std::memory_order_relaxed) & FrameInfo::kForeignMapped) ? kOwnerNone : info.owner();
}

// tlb_clock() when the frame was last used: another CPU may be setting it.
std::uint32_t last_use(FrameInfo& info) {
    return std::atomic_ref{info.tlb_stamp}.load(std::memory_order_relaxed);
}

// Another CPU changed the frame while its type was being changed. That can happen any number of times, and each retry
// costs a flush of TLBs: a caller that cannot be preempted gives up after some.
Result<> may_try_again(Preemption preemption, unsigned& tries) {
    constexpr unsigned kMostTries = 8;
    if (preemption == Preemption::Allowed) return preemption_needed() ? fail(Error::Restart) : Result<>{};
    return ++tries < kMostTries ? Result<>{} : fail(Error::Busy);
}

// Takes over parked work. False when another CPU was faster.
bool adopt(FrameInfo& info, std::uint64_t word) {
    if (!info.type.compare_exchange_strong(word, word & ~FrameInfo::kPartial, std::memory_order_acq_rel)) return false;
    put_frame(info);  // the caller holds a reference of its own
    return true;
}

// A reference on a frame of `owner`'s that has none of `barred`.
Result<FrameInfo*> get_unless(Mfn frame, DomainId owner, std::uint64_t barred) {
    if (!valid_frame(frame) || owner >= kFirstReservedDomain) return fail(Error::BadArgument);
    FrameInfo& info = frame_info(frame);
    std::uint64_t word = info.count.load(std::memory_order_relaxed);
    do {
        const std::uint64_t references = word & FrameInfo::kReferenceMask;
        if (references == 0 || references >= FrameInfo::kMostReferences || (word & barred) ||
            FrameInfo::owner_of(word) != owner)
            return fail(Error::BadArgument);
    } while (!info.count.compare_exchange_weak(word, word + 1, std::memory_order_acq_rel));
    return &info;
}

}  // namespace

Result<FrameInfo*> get_frame(Mfn frame, DomainId owner) {
    return get_unless(frame, owner, FrameInfo::kShared);
}

Result<FrameInfo*> get_frame_to_map(Mfn frame, DomainId owner) {
    return get_unless(frame, owner, 0);
}

bool get_frame_again(FrameInfo& info) {
    std::uint64_t word = info.count.load(std::memory_order_relaxed);
    do {
        if ((word & FrameInfo::kReferenceMask) == FrameInfo::kReferenceMask) return false;
    } while (!info.count.compare_exchange_weak(word, word + 1, std::memory_order_acq_rel));
    return true;
}

void put_frame(FrameInfo& info) {
    const std::uint64_t before = info.count.fetch_sub(1, std::memory_order_acq_rel);
    HV_ASSERT((before & FrameInfo::kReferenceMask) != 0);
    if ((before & FrameInfo::kReferenceMask) == 1) last_reference_gone(info, before);
}

Result<void> get_frame_type(FrameInfo& info, FrameType type, Preemption preemption) {
    HV_ASSERT(preemption == Preemption::Allowed || !is_page_table(type));
    std::uint64_t word = info.type.load(std::memory_order_acquire);
    unsigned tries = 0;
    for (;;) {
        const std::uint64_t count = word & FrameInfo::kTypeCountMask;
        if (count == 0) {
            // A change of use: no CPU may still reach the frame through an old translation.
            const bool changes = FrameInfo::type_of(word) != type;
            const bool reachable =
                changes && FrameInfo::type_of(word) != FrameType::None && info.owner() < kFirstReservedDomain;
            const std::uint32_t stamp = last_use(info);
            if (reachable) {
                const bool waited = flush_stale_tlbs(mapper_of(info), stamp);
                // Nothing has been taken, and the next try finds the TLBs flushed. The caller may have very many frames
                // whose use changes, and other vCPUs can make each of them need a flush.
                if (waited && preemption == Preemption::Allowed && preemption_needed()) return fail(Error::Restart);
                // The flush waits for other CPUs. A guest that makes it wait long can use the frame so often meanwhile
                // that the generation comes round to the same value. The stamp tells: a CPU that used it that often has
                // flushed since, for this one or before, so it left a newer one.
                if (last_use(info) != stamp) {
                    TRY(may_try_again(preemption, tries));
                    word = info.type.load(std::memory_order_acquire);
                    continue;
                }
            }
            if (changes && (word & FrameInfo::kIncoherent)) flush_frame_from_caches(frame_number(info));
            const bool checks = is_checked(type) && (changes || !(word & FrameInfo::kValidated));
            std::uint64_t next =
                (word & (FrameInfo::kPinned | FrameInfo::kGenerationMask)) | FrameInfo::type_bits(type) | 1;
            if (!checks) next |= FrameInfo::kValidated;
            if (!changes) next |= word & FrameInfo::kIncoherent;
            if (!info.type.compare_exchange_weak(word, next, std::memory_order_acq_rel)) {
                if (changes) TRY(may_try_again(preemption, tries));
                continue;
            }
            // A hypervisor below hv may have paused this CPU since the stamp was read. If the frame was used meanwhile,
            // flush again; its type has changed, so no new translation can appear.
            if (reachable && last_use(info) != stamp) flush_stale_tlbs(mapper_of(info), last_use(info));
            if (!checks) return {};
            info.progress = 0;
            return check_contents(info, type);
        }
        if (word & FrameInfo::kPartial) {
            if (preemption == Preemption::Forbidden) return fail(Error::Busy);
            if (!adopt(info, word)) {
                word = info.type.load(std::memory_order_acquire);
                continue;
            }
            const bool refused = word & FrameInfo::kRefused;
            if (FrameInfo::type_of(word) == type && !refused) return check_contents(info, type);
            TRY(undo_contents(info, FrameInfo::type_of(word)));
            if (FrameInfo::type_of(word) == type) return fail(Error::BadArgument);
            // The last part of it was work, too: a table may name a parked one in each of its entries.
            if (preemption_needed()) return fail(Error::Restart);
            word = info.type.load(std::memory_order_acquire);
            continue;
        }
        // Never wait for another type: a table that leads back to itself would wait for its own validation. A table
        // only refers to tables of the level below, so waits for the same type have an end.
        if (FrameInfo::type_of(word) != type || count == FrameInfo::kTypeCountMask) return fail(Error::BadArgument);
        if (is_busy(word)) {
            TRY(wait_for_validation(info, word, preemption));
            word = info.type.load(std::memory_order_acquire);
            continue;
        }
        if (info.type.compare_exchange_weak(word, word + 1, std::memory_order_acq_rel)) return {};
    }
}

namespace {

// A frame whose type is held is neither being validated nor parked.
Result<> put_type(FrameInfo& info, Preemption preemption) {
    std::uint64_t word = info.type.load(std::memory_order_acquire);
    HV_ASSERT(preemption == Preemption::Allowed || !is_page_table(FrameInfo::type_of(word)));
    for (;;) {
        const std::uint64_t count = word & FrameInfo::kTypeCountMask;
        HV_ASSERT(count != 0 && (word & FrameInfo::kValidated));
        if (count == 1 && is_page_table(FrameInfo::type_of(word))) {
            // The last use as a page table: while its entries are undone the count stays 1 and no reference is added.
            if (!info.type.compare_exchange_weak(word, word & ~FrameInfo::kValidated, std::memory_order_acq_rel))
                continue;
            return undo_contents(info, FrameInfo::type_of(word));
        }
        if (count == 1) std::atomic_ref{info.tlb_stamp}.store(tlb_clock(), std::memory_order_relaxed);
        if (info.type.compare_exchange_weak(word, word - 1 + FrameInfo::kGeneration, std::memory_order_acq_rel))
            return {};
    }
}

}  // namespace

void put_frame_type(FrameInfo& info) {
    const Result<> undone = put_type(info, Preemption::Forbidden);
    HV_ASSERT(undone.has_value());
}

Result<void> put_frame_type_preemptible(FrameInfo& info) {
    return put_type(info, Preemption::Allowed);
}

Result<void> finish_partial(FrameInfo& info, FrameType only, std::uint8_t within) {
    const std::uint64_t word = info.type.load(std::memory_order_acquire);
    if (only != FrameType::None && FrameInfo::type_of(word) != only) return {};
    if (!(word & FrameInfo::kPartial) || !adopt(info, word)) return {};
    return undo_contents(info, FrameInfo::type_of(word), within);
}

Result<FrameInfo*> get_frame_and_type(Mfn frame, DomainId owner, FrameType type, Preemption preemption) {
    FrameInfo* info = TRY(get_frame(frame, owner));
    if (Result<> typed = get_frame_type(*info, type, preemption); !typed) {
        put_frame(*info);
        return fail(typed.error());
    }
    return info;
}

}  // namespace hv
