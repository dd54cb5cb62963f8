// Locks that others need, taken on behalf of a guest that may make its call again.
#pragma once

#include "hv/base/result.hpp"
#include "hv/base/spinlock.hpp"
#include "hv/machine/preemption.hpp"

namespace hv {

// Takes `lock`, or is preempted: Error::Restart. A CPU that waits here does not join the lock's queue: however many
// vCPUs of a guest want the lock for long, a CPU that waits in lock() waits only for the one that has it.
inline Result<> lock_or_restart(Spinlock& lock) {
    while (!lock.try_lock()) {
        if (preemption_needed()) return fail(Error::Restart);
        spin_pause();
    }
    return {};
}

}  // namespace hv
