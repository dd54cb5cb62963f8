#include "hv/time/patience.hpp"

#include <atomic>

#include "hv/base/atomic_max.hpp"
#include "hv/base/log.hpp"
#include "hv/machine/clock.hpp"
#include "hv/time/now_and_then.hpp"

namespace hv {
namespace {

constexpr Nanoseconds kSecond = 1'000'000'000;
constexpr Nanoseconds kBetweenLines = 10 * kSecond;

constinit std::atomic<std::uint64_t> g_asked_again{0};
constinit std::atomic<Nanoseconds> g_longest{0};
constinit NowAndThen g_line{kBetweenLines};

}  // namespace

bool Patience::over() {
    if (calls_++ % kBetweenLooks != 0) return false;
    now_ = time::now();
    if (calls_ == 1) {
        began_ = now_;
        next_ = now_ + kAskAgain;
    }
    if (now_ < next_) return false;
    next_ = now_ + kAskAgain;
    return true;
}

void note_asked_again(const CpuSet& cpus, Nanoseconds waited) {
    if (cpus.empty()) return;
    const std::uint64_t times = g_asked_again.fetch_add(cpus.count(), std::memory_order_relaxed) + cpus.count();
    raise_to(g_longest, waited);
    if (!g_line.due(time::now())) return;
    // A virtual CPU that did not run for a moment looks the same: for the log's ring, not for the console.
    log(waited < kSecond ? LogLevel::Debug : LogLevel::Warning,
        "CPU {} has not answered an interrupt from another one for {} ms: asked again (times so far: {})", cpus.next(0),
        waited / 1'000'000, times);
}

bool ipi_counter(std::uint32_t index, const char*& name, std::uint64_t& value) {
    switch (index) {
        case 0: name = "asked_again", value = g_asked_again.load(std::memory_order_relaxed); return true;
        case 1:
            name = "longest_wait_ns", value = static_cast<std::uint64_t>(g_longest.load(std::memory_order_relaxed));
            return true;
        default: return false;
    }
}

}  // namespace hv
