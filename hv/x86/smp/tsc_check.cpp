// The two CPUs pass a counter back and forth. Each turn reads the TSC between two of the other's readings; if it ever
// lies outside, the clocks differ, and the middle of the tightest pair tells by how much.
#include "hv/x86/smp/tsc_check.hpp"

#include <atomic>

#include "hv/base/log.hpp"
#include "hv/machine/clock.hpp"
#include "hv/x86/cpu/cpuid.hpp"
#include "hv/x86/cpu/per_cpu.hpp"
#include "hv/x86/cpu/registers.hpp"
#include "hv/x86/time/clock.hpp"

namespace hv::x86 {
namespace {

// Even turns are the boot CPU's, odd ones the other's. Under an emulator a turn can take as long as the host's
// scheduler likes, and one round is enough: its virtual CPUs share one clock or are far apart.
std::uint32_t turns() {
    return cpu_has(Feature::Hypervisor) ? 2 : 64;
}
constinit std::atomic<CpuId> arrived{kNoCpu};
constinit std::atomic<std::uint32_t> turn{0};
constinit std::atomic<std::uint64_t> theirs{0};

}  // namespace

bool wait_until_tsc_check(CpuId cpu, Nanoseconds patience) {
    const Nanoseconds until = time::now() + patience;
    while (arrived.load(std::memory_order_acquire) != cpu) {
        if (time::now() > until) return false;
        pause();
    }
    return true;
}

void compare_tsc(CpuId cpu) {
    const std::uint32_t last = turns();
    std::uint64_t tightest = ~std::uint64_t{0};
    std::int64_t offset = 0;
    bool outside = false;
    for (std::uint32_t round = 0; round < last; round += 2) {
        const std::uint64_t before = read_tsc_ordered();
        turn.store(round + 1, std::memory_order_release);
        while (turn.load(std::memory_order_acquire) != round + 2) pause();
        const std::uint64_t after = read_tsc_ordered();
        const std::uint64_t middle = theirs.load(std::memory_order_relaxed);
        if (static_cast<std::int64_t>(middle - before) < 0 || static_cast<std::int64_t>(after - middle) < 0)
            outside = true;
        if (after - before < tightest) {
            tightest = after - before;
            offset = static_cast<std::int64_t>(before + tightest / 2 - middle);
        }
    }
    if (outside) {
        cpu_data(cpu).tsc_offset = offset;
        clock_not_stable("the CPUs' counters differ");
        log(LogLevel::Debug, "CPU {}: TSC differs by {}", cpu, offset);
    }
    turn.store(last + 1, std::memory_order_release);
}

void answer_tsc_check(CpuId cpu) {
    const std::uint32_t last = turns();
    turn.store(0, std::memory_order_relaxed);
    arrived.store(cpu, std::memory_order_release);
    for (std::uint32_t round = 0; round < last; round += 2) {
        while (turn.load(std::memory_order_acquire) != round + 1) pause();
        theirs.store(read_tsc_ordered(), std::memory_order_relaxed);
        turn.store(round + 2, std::memory_order_release);
    }
    while (turn.load(std::memory_order_acquire) != last + 1) pause();
    arrived.store(kNoCpu, std::memory_order_relaxed);
}

}  // namespace hv::x86
