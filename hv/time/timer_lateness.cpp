#include "hv/time/timer_lateness.hpp"

#include <atomic>

#include "hv/base/atomic_max.hpp"
#include "hv/base/log.hpp"
#include "hv/time/now_and_then.hpp"

namespace hv {
namespace {

constexpr Nanoseconds kSecond = 1'000'000'000;
constexpr Nanoseconds kBetweenLines = 10 * kSecond;

constinit std::atomic<std::uint64_t> g_late{0};
constinit std::atomic<std::uint64_t> g_missed{0};
constinit std::atomic<Nanoseconds> g_latest{0};
constinit NowAndThen g_line{kBetweenLines};

}  // namespace

void note_late_timer(CpuId cpu, Nanoseconds by, bool missed, Nanoseconds now) {
    g_late.fetch_add(1, std::memory_order_relaxed);
    if (missed) g_missed.fetch_add(1, std::memory_order_relaxed);
    raise_to(g_latest, by);
    if ((!missed && by < kSecond) || !g_line.due(now)) return;
    // On a machine that shares its processors a little lateness is no fault: for the log's ring, not for the console.
    log(by < kSecond ? LogLevel::Debug : LogLevel::Warning,
        "CPU {}: a timer is {} ms late, {} ({} late ones so far, {} without an interrupt)", cpu, by / 1'000'000,
        missed ? "and no interrupt in sight" : "as is its interrupt", g_late.load(std::memory_order_relaxed),
        g_missed.load(std::memory_order_relaxed));
}

bool timer_counter(std::uint32_t index, const char*& name, std::uint64_t& value) {
    switch (index) {
        case 0: name = "late", value = g_late.load(std::memory_order_relaxed); return true;
        case 1: name = "missed_interrupts", value = g_missed.load(std::memory_order_relaxed); return true;
        case 2:
            name = "latest_ns", value = static_cast<std::uint64_t>(g_latest.load(std::memory_order_relaxed));
            return true;
        default: return false;
    }
}

}  // namespace hv
