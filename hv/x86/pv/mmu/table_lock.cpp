#include "hv/x86/pv/mmu/table_lock.hpp"

#include "hv/base/log.hpp"
#include "hv/base/spinlock.hpp"
#include "hv/domain/vcpu.hpp"
#include "hv/machine/preemption.hpp"
#include "hv/x86/pv/mmu/entry_update.hpp"

namespace hv::x86 {

namespace {

Result<FrameType> lock(FrameInfo& info, FrameType highest, Preemption preemption) {
    std::uint64_t word = info.type.load(std::memory_order_acquire);
    for (;;) {
        const FrameType type = FrameInfo::type_of(word);
        const std::uint64_t count = word & FrameInfo::kTypeCountMask;
        if (count == 0 || count == FrameInfo::kTypeCountMask || !(word & FrameInfo::kValidated) ||
            !is_page_table(type) || type > highest)
            return FrameType::None;
        if (word & FrameInfo::kLocked) {
            if (preemption == Preemption::Allowed && preemption_needed()) return fail(Error::Restart);
            spin_pause();
            word = info.type.load(std::memory_order_acquire);
            continue;
        }
        if (info.type.compare_exchange_weak(word, (word + 1) | FrameInfo::kLocked, std::memory_order_acq_rel))
            return type;
    }
}

}  // namespace

Result<FrameType> lock_table(FrameInfo& info) {
    return lock(info, FrameType::L4, Preemption::Allowed);
}

Result<> lock_l1_table(FrameInfo& info, Preemption preemption) {
    const FrameType type = TRY(lock(info, FrameType::L1, preemption));
    return type == FrameType::L1 ? Result<>{} : fail(Error::BadArgument);
}

void unlock_table(FrameInfo& info) {
    // Usually other references keep the type: then one exchange gives back both.
    std::uint64_t word = info.type.load(std::memory_order_relaxed);
    while ((word & FrameInfo::kTypeCountMask) > 1) {
        if (info.type.compare_exchange_weak(word, (word & ~FrameInfo::kLocked) - 1, std::memory_order_acq_rel)) return;
    }
    // All other users have let go of the table meanwhile, and undoing it may take long.
    info.type.fetch_and(~FrameInfo::kLocked, std::memory_order_acq_rel);
    if (put_frame_type_preemptible(info)) return;
    HV_ASSERT(get_frame_again(info));
    put_aside(current_vcpu(), info);
}

}  // namespace hv::x86
