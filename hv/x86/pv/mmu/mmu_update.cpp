// mmu_update: a list of writes to page-table entries and to the machine-to-physical table.
#include "hv/abi/xen/domain_id.hpp"
#include "hv/abi/xen/mmu.hpp"
#include "hv/domain/domain.hpp"
#include "hv/x86/pv/mmu/entry_references.hpp"
#include "hv/x86/pv/mmu/entry_update.hpp"
#include "hv/x86/pv/mmu/mmu_hypercalls.hpp"
#include "hv/x86/pv/mmu/request_batch.hpp"
#include "hv/x86/pv/mmu/table_lock.hpp"

namespace hv::x86 {
namespace {

using abi::xen::MmuCommand;
using abi::xen::MmuUpdate;

// Consecutive updates mostly hit one table: it stays referenced and locked between them, but not for long, since CPUs
// that cannot be preempted may wait for it (table_lock.hpp).
class TableCache {
  public:
    static constexpr std::uint32_t kMostUpdates = 16;  // each may take a flush of other CPUs' TLBs

    ~TableCache() { drop(); }
    // The locked table that holds `frame`, or null when it is no page table now.
    Result<FrameInfo*> hold(Mfn frame, DomainId owner) {
        if (info_ && frame_ == frame) return info_;
        drop();
        FrameInfo* info = TRY(get_frame(frame, owner));
        const Result<FrameType> type = lock_table(*info);
        if (!type || *type == FrameType::None) {
            put_frame(*info);
            if (!type) return fail(type.error());
            return nullptr;
        }
        type_ = *type;
        frame_ = frame;
        return info_ = info;
    }
    unsigned level() const { return level_of(type_); }
    void drop() {
        if (!info_) return;
        unlock_table(*info_);
        put_frame(*info_);
        info_ = nullptr;
    }

  private:
    FrameInfo* info_ = nullptr;
    Mfn frame_{0};
    FrameType type_ = FrameType::None;
};

Result<> apply(const MmuUpdate& update, Domain& table_owner, DomainId frame_owner, TableCache& cache) {
    // Entries are 8 bytes: all three bits below their address belong to the command.
    const auto command = static_cast<MmuCommand>(update.ptr & 7);
    const MachineAddress where{update.ptr & ~std::uint64_t{7}};
    switch (command) {
        case MmuCommand::NormalPtUpdate:
        case MmuCommand::PtUpdatePreserveAd:
        case MmuCommand::PtUpdateNoTranslate: {
            const bool keep = command == MmuCommand::PtUpdatePreserveAd;
            // Only L1 tables stay locked: an upper entry may bring in or let go a tree that holds any other table.
            if (FrameInfo* table = TRY(cache.hold(frame_of(where), table_owner.id))) {
                const unsigned level = cache.level();
                const auto index = static_cast<unsigned>(where.offset_in_page() / sizeof(Pte));
                const Result<> done = update_entry(*table, level, index, update.val, table_owner, frame_owner, keep);
                if (level != 1) cache.drop();
                return done;
            }
            return update_entry_at(where, update.val, table_owner, frame_owner, keep);
        }
        case MmuCommand::MachphysUpdate: {
            FrameInfo* info = TRY(get_frame(frame_of(where), frame_owner));
            set_m2p(frame_of(where), update.val);
            put_frame(*info);
            return {};
        }
    }
    return fail(Error::NotImplemented);
}

}  // namespace

Result<DomainId> frame_owner_for(std::uint16_t foreign) {
    Domain& domain = current_domain();
    if (foreign == abi::xen::kDomidSelf || DomainId{foreign} == domain.id) return domain.id;
    if (!domain.privileged) return fail(Error::NotPermitted);
    if (foreign == abi::xen::kDomidIo || foreign == abi::xen::kDomidXen) return DomainId{foreign};
    const DomainRef other = TRY(find_domain(DomainId{foreign}));
    return other->id;
}

HypercallResult do_mmu_update(HypercallArguments& arguments) {
    RequestBatch batch = TRY(RequestBatch::begin(arguments));
    const auto foreign = static_cast<std::uint32_t>(arguments.value[3]);
    // Page tables of another domain, which the caller builds.
    DomainRef other;
    Domain* table_owner = &current_domain();
    if (const std::uint32_t owner = foreign >> 16; owner != 0) {
        other = TRY(find_target_domain(DomainId{static_cast<std::uint16_t>(owner - 1)}));
        table_owner = &*other;
    }
    const DomainId frame_owner = TRY(frame_owner_for(static_cast<std::uint16_t>(foreign)));

    // The cache lets its table go before the guest is told anything, which may take a page fault.
    const Result<> done = [&] {
        TableCache cache;
        return batch.run<MmuUpdate>([&](const MmuUpdate& update, std::uint32_t index) {
            const Result<> applied = apply(update, *table_owner, frame_owner, cache);
            // Before the check for preemption, not after it: the time that it and the fetch of the next request take
            // is the others' chance to get the lock.
            if ((index + 1) % TableCache::kMostUpdates == 0) cache.drop();
            return applied;
        });
    }();
    return batch.end<MmuUpdate>(arguments, done);
}

}  // namespace hv::x86
