#include "hv/x86/traps/masked_time.hpp"

#include <array>
#include <atomic>

#include "hv/base/atomic_max.hpp"
#include "hv/machine/clock.hpp"

namespace hv::x86 {
namespace {

constinit std::array<std::atomic<std::uint64_t>, kMaskedCauses> g_longest{};  // TSC ticks

}  // namespace

void note_masked_time(CpuWork& work) {
    const std::uint64_t ticks = read_tsc() - work.entered_at;
    work.entered_at = 0;
    if (work.entered_by >= kMaskedCauses) return;
    raise_to(g_longest[work.entered_by], ticks);
}

void measure_masked_time() {
    for (auto& longest : g_longest) longest.store(0, std::memory_order_relaxed);
    for (CpuId cpu : ids<CpuId>(present_cpus())) cpu_data(cpu).work.timed.store(true, std::memory_order_relaxed);
}

std::uint64_t longest_masked_time(std::uint32_t cause) {
    constexpr std::uint64_t kNanosecondsPerMillisecond = 1'000'000;
    return g_longest[cause].load(std::memory_order_relaxed) * kNanosecondsPerMillisecond / time::tsc_khz();
}

}  // namespace hv::x86
