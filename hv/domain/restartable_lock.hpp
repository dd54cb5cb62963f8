// Locks that others need, taken on behalf of a guest that may make its call again.
#pragma once

#include "hv/base/result.hpp"
#include "hv/base/spinlock.hpp"
#include "hv/machine/preemption.hpp"

namespace hv {

// Takes `lock`, or is preempted: Error::Restart. Whoever waits here stands in no queue: however many vCPUs of a guest
// want it for long, others wait for the one that has it.
inline Result<> lock_or_restart(Spinlock& lock) {
    while (!lock.try_lock()) {
        if (preemption_needed()) return fail(Error::Restart);
        spin_pause();
    }
    return {};
}

}  // namespace hv
