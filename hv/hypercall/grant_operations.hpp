// The parts of grant_table_op, one file each.
#pragma once

#include <cstdint>

#include "hv/abi/xen/grant_table.hpp"
#include "hv/base/result.hpp"
#include "hv/base/types.hpp"
#include "hv/domain/grant/table.hpp"
#include "hv/machine/preemption.hpp"
#include "hv/memory/frame.hpp"
#include "hv/memory/guest_access.hpp"

namespace hv {

// A batch of operations in the guest's memory, and how many of them are done.
struct GrantBatch {
    GuestVirtual array;
    std::uint32_t count;
    std::uint32_t done = 0;
};

// Each does what it can of the batch: Error::Restart after `done` operations, Fault when one could not be read or its
// outcome not be written. What goes wrong with one operation is in its status.
Result<> map_grants(GrantBatch& batch);
Result<> unmap_grants(GrantBatch& batch);
Result<> unmap_and_replace_grants(GrantBatch& batch);
Result<> copy_grants(GrantBatch& batch);
Result<> transfer_grants(GrantBatch& batch);
Result<> swap_grants(GrantBatch& batch);

// One structure.
Result<> grant_setup_table(GuestVirtual argument);
Result<> grant_query_size(GuestVirtual argument);
Result<> grant_set_version(GuestVirtual argument);
Result<> grant_get_version(GuestVirtual argument);
Result<> grant_get_status_frames(GuestVirtual argument);

// Runs `one(Op&)` on every operation of the batch, which leaves its outcome in the operation, or fails
// with Error::Restart and has done nothing.
template <class Op, class One>
Result<> for_each_operation(GrantBatch& batch, One one) {
    while (batch.done < batch.count) {
        Op op = TRY(fetch_at<Op>(batch.array, batch.done));
        TRY(one(op));
        TRY(store_at(batch.array, batch.done, op));
        if (++batch.done < batch.count && preemption_needed()) return fail(Error::Restart);
    }
    return {};
}

// Drops what a mapping or a copy held: the frame, and its Writable type unless it was read-only.
void put_granted_frame(FrameInfo& frame, bool readonly);
// Takes it. BadPage: not the domain's; GeneralError: cannot be written.
GrantOutcome<FrameInfo*> get_granted_frame(Mfn frame, DomainId owner, bool readonly);

}  // namespace hv
