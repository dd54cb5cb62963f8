// A caller writes down its one call, sets its bit in each target's `callers`, and announces it. A target that
// has interrupts off finds it in spin_pause().
#include "hv/x86/smp/cpu_calls.hpp"

#include "hv/base/spinlock.hpp"
#include "hv/time/patience.hpp"

namespace hv::x86 {

void answer_calls() {
    AtomicCpuSet& callers = call_post(current_cpu()).callers;
    for_each_bit(callers.snapshot(), [&callers](CpuId caller) {
        if (!callers.clear(caller)) return;
        CallPost& post = call_post(caller);
        post.function(post.argument);
        post.pending.fetch_sub(1, std::memory_order_release);
    });
}

CpuSet announce_again(const CpuSet& cpus) {
    const CpuId self = current_cpu();
    CpuSet told;
    for_each_bit(cpus, [self, &told](CpuId cpu) {
        if (cpu == self || !call_post(cpu).callers.test(self)) return;
        announce_call(cpu);
        told.set(cpu);
    });
    return told;
}

}  // namespace hv::x86

namespace hv {

using namespace x86;

void call_on_cpus(const CpuSet& cpus, void (*function)(void*), void* argument) {
    const CpuId self = current_cpu();
    CallPost& own = call_post(self);
    CpuSet others = cpus;
    const bool here = others.test(self);
    others.clear(self);
    if (!others.empty()) {
        own.function = function;
        own.argument = argument;
        own.pending.store(static_cast<std::uint32_t>(others.count()), std::memory_order_relaxed);
        for_each_bit(others, [self](CpuId cpu) {
            call_post(cpu).callers.set(self);
            announce_call(cpu);
        });
    }
    if (here) function(argument);
    Patience patience;
    while (own.pending.load(std::memory_order_acquire) != 0) {
        spin_pause();
        if (patience.over()) [[unlikely]]
            note_asked_again(announce_again(others), patience.waited());
    }
}

}  // namespace hv
