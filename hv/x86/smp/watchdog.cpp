#include "hv/x86/smp/watchdog.hpp"

#include <array>
#include <atomic>

#include "hv/base/log.hpp"
#include "hv/machine/clock.hpp"
#include "hv/machine/cpus.hpp"
#include "hv/time/timer_queue.hpp"
#include "hv/x86/boot/command_line.hpp"
#include "hv/x86/panic/panic.hpp"
#include "hv/x86/smp/ipi.hpp"

namespace hv::x86 {
namespace {

constexpr Nanoseconds kPeriod = 1'000'000'000;

struct Watch {
    Timer timer;
    std::atomic<std::uint32_t> heartbeats{0};
    std::atomic<bool> hangs{false};
    // About the neighbour. Missed heartbeats are counted in periods of this CPU's own timer: when the whole machine was
    // stopped for a while, as a virtual one may be, no CPU has missed anything.
    std::uint32_t seen = 0, missed = 0;
};
constinit std::array<Watch, kMaxCpus> watches{};

void beat(void*) {
    const CpuId self = current_cpu();
    Watch& own = watches[self.raw];
    own.heartbeats.fetch_add(1, std::memory_order_relaxed);
    set_timer(own.timer, time::now() + kPeriod);
    const CpuId neighbour = next_round(online_cpus(), self);
    if (neighbour == self) return;
    const std::uint32_t beats = watches[neighbour.raw].heartbeats.load(std::memory_order_relaxed);
    own.missed = beats == own.seen ? own.missed + 1 : 0;
    own.seen = beats;
    if (own.missed <= boot_options().watchdog_timeout_seconds) return;
    own.missed = 0;
    watches[neighbour.raw].hangs.store(true, std::memory_order_release);
    send_nmi(neighbour);
}

}  // namespace

void start_watchdog() {
    if (!boot_options().watchdog) return;
    if (online_cpus().count() < 2) {
        warn("watchdog: one CPU alone cannot be watched");
        return;
    }
    for_each_bit(online_cpus(), [](CpuId cpu) {
        init_timer(watches[cpu.raw].timer, beat, nullptr, cpu);
        set_timer(watches[cpu.raw].timer, time::now() + kPeriod);
    });
    info("watchdog: a CPU that hangs in hv for {} seconds is a panic", boot_options().watchdog_timeout_seconds);
}

void watchdog_nmi(const TrapFrame& frame) {
    if (watches[current_cpu().raw].hangs.load(std::memory_order_acquire))
        panic_here("watchdog: this CPU makes no progress", frame);
}

}  // namespace hv::x86
