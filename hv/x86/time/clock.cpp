#include "hv/x86/time/clock.hpp"

#include "hv/base/log.hpp"
#include "hv/machine/clock.hpp"
#include "hv/x86/apic/local_apic.hpp"
#include "hv/x86/cpu/cpuid.hpp"
#include "hv/x86/cpu/per_cpu.hpp"
#include "hv/x86/cpu/registers.hpp"
#include "hv/x86/time/cmos_clock.hpp"
#include "hv/x86/time/reference_clock.hpp"

namespace hv::x86 {
namespace {

constinit time::TscScale scale{0, 0, 0};
constinit std::uint64_t khz = 0;
constinit bool stable = false;
constinit std::uint64_t wallclock = 0;

constexpr std::uint64_t kMeasure = 20'000'000;  // nanoseconds

// All clocks at one moment: of several tries, the one with the least time between its two TSC reads.
struct Sample {
    std::uint64_t tsc, reference;
    std::uint32_t timer;
};
Sample sample(const ReferenceClock& reference) {
    Sample best{};
    std::uint64_t least = ~std::uint64_t{0};
    for (unsigned i = 0; i < 5; ++i) {
        const std::uint64_t before = read_tsc_ordered();
        const std::uint64_t count = reference.read();
        const std::uint32_t timer = timer_ticks_left();
        const std::uint64_t after = read_tsc_ordered();
        if (after - before >= least) continue;
        least = after - before;
        best = {before + least / 2, count, timer};
    }
    return best;
}

void measure(ReferenceClock& reference) {
    reference.start();
    start_free_running_timer();
    const Sample first = sample(reference);
    Sample last = first;
    std::uint64_t nanoseconds = 0;
    // A reference that stands still must not hang the machine: 2^36 TSC ticks are many seconds.
    while (nanoseconds < kMeasure && last.tsc - first.tsc < (std::uint64_t{1} << 36)) {
        last = sample(reference);
        nanoseconds = reference.nanoseconds((last.reference - first.reference) & reference.mask());
    }
    if (nanoseconds == 0) panic("the {} does not count", reference.name());
    khz = (last.tsc - first.tsc) * 1'000'000 / nanoseconds;
    const std::uint64_t timer_khz = std::uint64_t{first.timer - last.timer} * 1'000'000 / nanoseconds;
    set_timer_khz(timer_khz);
    info("TSC: {} kHz by {}, APIC timer: {} kHz", khz, reference.name(), timer_khz);
}

// The pvclock ABI's form: shift so that the multiplier uses all of its 32 bits.
time::TscScale scale_of(std::uint64_t frequency_khz, std::uint64_t start) {
    std::uint64_t numerator = 1'000'000, denominator = frequency_khz;  // nanoseconds per tick
    std::int8_t shift = 0;
    while (numerator < denominator) {
        numerator <<= 1;
        --shift;
    }
    while (numerator >= 2 * denominator) {
        denominator <<= 1;
        ++shift;
    }
    // numerator / denominator is in [1, 2): its half, as a 32-bit fraction.
    return {static_cast<std::uint32_t>((numerator << 31) / denominator), static_cast<std::int8_t>(shift + 1), start};
}

}  // namespace

void note_start_of_time() {
    scale.tsc_at_boot = read_tsc();
}

void start_clock() {
    measure(choose_reference_clock());
    scale = scale_of(khz, scale.tsc_at_boot);
    // TCG has no invariant-TSC bit, but its TSC is the host's monotonic clock.
    stable = cpu_has(Feature::InvariantTsc) || emulated_by_tcg();
    wallclock = read_cmos_clock() * 1'000'000'000 - static_cast<std::uint64_t>(time::now());
}

void clock_not_stable(const char* why) {
    if (stable) info("the TSC is not stable: {}", why);
    stable = false;
}

}  // namespace hv::x86

namespace hv::time {

using namespace x86;

Nanoseconds nanoseconds_of(std::uint64_t ticks) {
    const std::uint64_t shifted = scale.shift >= 0 ? ticks << scale.shift : ticks >> -scale.shift;
    return static_cast<Nanoseconds>(
        static_cast<std::uint64_t>((static_cast<unsigned __int128>(shifted) * scale.multiplier) >> 32));
}

std::uint64_t ticks_of(Nanoseconds duration) {
    if (duration <= 0) return 0;
    // Split, so that neither a long duration nor a fast clock overflows.
    const auto value = static_cast<std::uint64_t>(duration);
    return value / 1'000'000 * khz + value % 1'000'000 * khz / 1'000'000;
}

std::uint64_t read_tsc() {
    return x86::read_tsc() + static_cast<std::uint64_t>(per_cpu().tsc_offset);
}

Nanoseconds now() {
    if (khz == 0) return 0;
    return nanoseconds_of(read_tsc() - scale.tsc_at_boot);
}

std::uint64_t tsc_khz() {
    return khz;
}
bool tsc_stable() {
    return stable;
}
std::uint64_t wallclock_at_boot_ns() {
    return wallclock;
}
const TscScale& tsc_scale() {
    return scale;
}

}  // namespace hv::time
