// On which CPU a vCPU is queued.
#include <algorithm>

#include "hv/domain/runstate.hpp"
#include "hv/sched/run_queue.hpp"

namespace hv {
namespace {

// The first member of `set` after `cpu`, going round; kNoCpu when it is empty.
CpuId next_after(const CpuSet& set, CpuId cpu) {
    return set.empty() ? kNoCpu : next_round(set, cpu);
}

// An idle CPU of `allowed`, the one it ran on if possible. It is the caller's then: other CPUs look elsewhere.
CpuId claim_idle(const CpuSet& allowed, CpuId last) {
    constexpr int kTries = 4;  // other CPUs may claim the same one first
    if (allowed.test(last) && idle_cpus().clear(last)) return last;
    for (int i = 0; i < kTries; ++i) {
        const CpuId cpu = next_after(allowed & idle_cpus().snapshot(), last);
        if (cpu == kNoCpu) return kNoCpu;
        if (idle_cpus().clear(cpu)) return cpu;
    }
    return kNoCpu;
}

// The CPU with the fewest waiting, of a few; staying where it was wins a draw.
CpuId least_loaded(const CpuSet& allowed, CpuId last) {
    constexpr int kProbes = 8;
    CpuId best = allowed.test(last) ? last : next_after(allowed, last);
    if (best == kNoCpu) return kNoCpu;
    std::uint32_t least = run_queue(best).waiting.load(std::memory_order_relaxed);
    CpuId cpu = best;
    for (int i = 0; i < kProbes && least != 0; ++i) {
        cpu = next_after(allowed, cpu);
        if (cpu == best) break;
        const std::uint32_t waiting = run_queue(cpu).waiting.load(std::memory_order_relaxed);
        if (waiting < least) {
            least = waiting;
            best = cpu;
        }
    }
    return best;
}

}  // namespace

bool idle_cpu_for(const SchedVcpu& entry) {
    return !(entry.hard & idle_cpus().snapshot()).empty();
}

CpuId choose_cpu(const SchedVcpu& entry) {
    const CpuId last = entry.queue.load(std::memory_order_relaxed);
    const CpuSet hard = entry.hard & online_cpus();
    const CpuSet soft = hard & entry.soft;
    if (const CpuId cpu = claim_idle(soft, last); cpu != kNoCpu) return cpu;
    if (const CpuId cpu = claim_idle(hard, last); cpu != kNoCpu) return cpu;
    const CpuId cpu = least_loaded(soft.empty() ? hard : soft, last);
    return cpu == kNoCpu ? last : cpu;
}

void finish_move(SchedVcpu& entry, std::int64_t lag, bool relative, Nanoseconds now) {
    QueueGuard queue{entry};
    if (entry.place != SchedPlace::Moving) return;
    account_current(*queue, now);
    if (!relative) lag = ahead(static_cast<std::uint64_t>(lag), queue->virtual_time);
    lag = clamp_lag(entry, lag, relative ? kSleeperCredit : kMaxLag, kMaxLead);
    entry.virtual_time = queue->virtual_time + static_cast<std::uint64_t>(lag);
    if (!entry.vcpu->runnable()) {
        entry.place = SchedPlace::Out;
        if (queue->is_idle()) idle_cpus().set(queue->cpu);  // it was claimed, and is not needed after all
        set_active(entry, false);
        runstate_change(*entry.vcpu, runstate_when_out(*entry.vcpu), now);
        return;
    }
    enqueue(*queue, entry, now);
}

bool steal(CpuId cpu, Nanoseconds now) {
    constexpr int kVictims = 3;
    CpuSet victims = online_cpus();
    victims.clear(cpu);
    for (int i = 0; i < kVictims; ++i) {
        CpuId loaded = kNoCpu;
        std::uint32_t most = 0;
        for_each_bit(victims, [&](CpuId other) {
            const std::uint32_t waiting = run_queue(other).waiting.load(std::memory_order_relaxed);
            if (waiting <= most) return;
            most = waiting;
            loaded = other;
        });
        if (loaded == kNoCpu) return false;
        victims.clear(loaded);

        RunQueue& victim = run_queue(loaded);
        SchedVcpu* taken = nullptr;
        std::int64_t lag = 0;
        {
            Guard guard{victim.lock};
            for (WaitList* list : {&victim.reserved, &victim.fair}) {
                for (SchedVcpu* entry = list->front(); entry && !taken; entry = list->next(*entry)) {
                    if (entry->hard.test(cpu) && cap_allows(domain_of(*entry), now)) taken = entry;
                }
            }
            if (!taken) continue;
            queue_remove(victim, *taken);
            taken->place = SchedPlace::Moving;
            lag = ahead(taken->virtual_time, victim.virtual_time);
            taken->queue.store(cpu, std::memory_order_release);
        }
        finish_move(*taken, lag, true, now);
        return true;
    }
    return false;
}

}  // namespace hv
