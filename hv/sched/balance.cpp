// Fairness across CPUs.
//
// Within a queue the one furthest behind runs next, so shares hold. Between queues they hold if all queues' virtual
// times advance together. A CPU on which vCPUs wait compares itself with some others: if one is ahead of the waiting
// vCPU that is furthest behind by more than a slice, that vCPU moves there, with its lag, and catches up. Queues that
// cannot be compared (a heavy vCPU that has a CPU for itself falls behind for ever) are kept within kMaxLag of each
// other by moving the whole scale of the one that is behind.
#include <algorithm>

#include "hv/sched/run_queue.hpp"

namespace hv {
namespace {

// The waiting vCPU furthest behind, of a few, that may run on `cpu`. The queue's lock is held.
SchedVcpu* candidate_for(RunQueue& queue, CpuId cpu, Nanoseconds now) {
    constexpr int kLooks = 8;
    SchedVcpu* best = nullptr;
    for (WaitList* list : {&queue.reserved, &queue.fair}) {
        int looks = 0;
        for (SchedVcpu* entry = list->front(); entry && looks < kLooks; entry = list->next(*entry), ++looks) {
            if (!entry->hard.test(cpu)) continue;
            if (entry->reserved && is_owed(*entry, now, false)) return entry;
            if (!best || ahead(best->virtual_time, entry->virtual_time) > 0) best = entry;
            break;
        }
    }
    return best;
}

void shift(RunQueue& queue, std::int64_t by) {
    const auto amount = static_cast<std::uint64_t>(by);
    queue.virtual_time += amount;
    if (!queue.is_idle()) queue.current->sched.virtual_time += amount;
    for (WaitList* list : {&queue.fair, &queue.reserved}) {
        for (SchedVcpu* entry = list->front(); entry; entry = list->next(*entry)) entry->virtual_time += amount;
    }
}

struct Look {
    std::uint64_t virtual_time = 0;
    bool idle = false;
    bool owed = false;  // what runs there is owed its time
};

Look look_at(RunQueue& queue, Nanoseconds now) {
    Guard guard{queue.lock};
    account_current(queue, now);
    return {queue.virtual_time, queue.is_idle(), !queue.is_idle() && is_owed(queue.current->sched, now, true)};
}

// Compares with one other CPU. Takes off the vCPU that should move there, or returns null.
SchedVcpu* compare(RunQueue& queue, RunQueue& other, const Look& look, Nanoseconds now, std::int64_t& behind) {
    Guard guard{queue.lock};
    account_current(queue, now);
    SchedVcpu* candidate = candidate_for(queue, other.cpu, now);
    if (!candidate) return nullptr;
    const auto bound = static_cast<std::int64_t>(virtual_duration(*candidate, kMaxLag));
    const std::int64_t gap = ahead(look.virtual_time, queue.virtual_time);
    if (!look.idle) {
        if (gap > bound) shift(queue, gap - bound);
        if (gap < -bound) behind = -gap - bound;
        const bool promised = candidate->reserved && is_owed(*candidate, now, false) && !look.owed;
        const std::int64_t lead = ahead(look.virtual_time, candidate->virtual_time);
        if (!promised && lead <= static_cast<std::int64_t>(virtual_duration(*candidate, kSlice))) return nullptr;
    }
    queue_remove(queue, *candidate);
    // On an idle CPU there is no other vCPU to catch up with; there its lag is relative, as for any move.
    if (look.idle) candidate->virtual_time -= queue.virtual_time;
    candidate->place = SchedPlace::Moving;
    candidate->woken = false;
    candidate->queue.store(other.cpu, std::memory_order_release);
    return candidate;
}

}  // namespace

void balance(RunQueue& queue, Nanoseconds now) {
    constexpr int kProbes = 8;
    const CpuSet& online = online_cpus();
    CpuId cpu = queue.cpu;
    for (int i = 0; i < kProbes; ++i) {
        cpu = next_round(online, cpu);
        if (cpu == queue.cpu) return;
        RunQueue& other = run_queue(cpu);
        const Look look = look_at(other, now);
        std::int64_t behind = 0;
        SchedVcpu* moving = compare(queue, other, look, now, behind);
        if (behind > 0) {
            Guard guard{other.lock};
            shift(other, behind);
        }
        if (!moving) continue;
        finish_move(*moving, static_cast<std::int64_t>(moving->virtual_time), look.idle, now);
        return;
    }
}

}  // namespace hv
