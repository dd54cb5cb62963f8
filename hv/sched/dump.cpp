// A debug key's view of the run queues.
#include "hv/base/log.hpp"
#include "hv/machine/clock.hpp"
#include "hv/sched/run_queue.hpp"

namespace hv {
namespace {

void dump_entry(const RunQueue& queue, const SchedVcpu& entry, const char* what) {
    const SchedDomain& domain = domain_of(entry);
    info("    {:<8} domain {} vcpu {}: ahead by {} ns, weight {} cap {} reservation {}", what, entry.vcpu->domain.id,
         entry.vcpu->id, ahead(entry.virtual_time, queue.virtual_time), domain.weight.load(std::memory_order_relaxed),
         domain.cap.load(std::memory_order_relaxed), domain.reservation.load(std::memory_order_relaxed));
}

}  // namespace

void dump_run_queues() {
    info("run queues at {} ns:", time::now());
    for_each_bit(online_cpus(), [](CpuId cpu) {
        RunQueue& queue = run_queue(cpu);
        Guard guard{queue.lock};
        if (!queue.idle) return;
        info("  CPU {}: {}, {} waiting, virtual time {}", cpu, queue.is_idle() ? "idle" : "busy",
             queue.waiting.load(std::memory_order_relaxed), queue.virtual_time);
        if (!queue.is_idle()) dump_entry(queue, queue.current->sched, "runs");
        for (WaitList* list : {&queue.reserved, &queue.fair}) {
            for (SchedVcpu* entry = list->front(); entry; entry = list->next(*entry))
                dump_entry(queue, *entry, entry->woken ? "woken" : "waits");
        }
    });
}

}  // namespace hv
