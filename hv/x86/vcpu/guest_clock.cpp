#include "hv/x86/vcpu/guest_clock.hpp"

#include "hv/domain/domain.hpp"
#include "hv/machine/clock.hpp"
#include "hv/memory/guest_access.hpp"
#include "hv/time/wallclock.hpp"
#include "hv/x86/cpu/registers.hpp"
#include "hv/x86/vcpu/arch_vcpu.hpp"

namespace hv::x86 {
namespace {

using abi::xen::VcpuTimeInfo;

// The guest reads between two looks at an even, equal version.
void publish(VcpuTimeInfo& out, const VcpuTimeInfo& value) {
    __atomic_store_n(&out.version, value.version - 1, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_RELEASE);
    out.tsc_timestamp = value.tsc_timestamp;
    out.system_time = value.system_time;
    out.tsc_to_system_mul = value.tsc_to_system_mul;
    out.tsc_shift = value.tsc_shift;
    out.flags = value.flags;
    __atomic_store_n(&out.version, value.version, __ATOMIC_RELEASE);
}

}  // namespace

void update_guest_clock(Vcpu& vcpu) {
    ArchVcpu& arch = *vcpu.arch;
    VcpuTimeInfo& info = vcpu.info.load(std::memory_order_relaxed)->time;
    const time::TscScale& scale = time::tsc_scale();
    // With a stable TSC one pair of stamps is right for ever: there is nothing to update.
    if (time::tsc_stable() && info.tsc_to_system_mul == scale.multiplier && info.tsc_timestamp == scale.tsc_at_boot &&
        arch.time_published == &info)
        return;
    VcpuTimeInfo value{};
    if (time::tsc_stable()) {
        value.tsc_timestamp = scale.tsc_at_boot;
        value.system_time = 0;
        value.flags = abi::xen::kPvclockTscStable;
    } else {
        // As RDTSC reads it on this CPU: the guest's next reading has no correction either.
        value.tsc_timestamp = read_tsc();
        value.system_time = static_cast<std::uint64_t>(time::now());
    }
    value.tsc_to_system_mul = scale.multiplier;
    value.tsc_shift = scale.shift;
    arch.time_version += 2;
    value.version = arch.time_version;
    publish(info, value);
    arch.time_published = &info;
    // Guest-virtual, and only mapped while the guest's kernel has it so: a place that is gone is not written.
    if (arch.time_area.raw != 0) (void)store(arch.time_area, value);
}

void update_wallclock(Domain& domain) {
    abi::xen::SharedInfo& shared = *domain.shared_info;
    const std::uint64_t at_boot = time::wallclock_base();
    const std::uint32_t version = shared.wc_version | 1;
    __atomic_store_n(&shared.wc_version, version, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_RELEASE);
    const std::uint64_t seconds = at_boot / 1'000'000'000;
    shared.wc_sec = static_cast<std::uint32_t>(seconds);
    shared.wc_sec_hi = static_cast<std::uint32_t>(seconds >> 32);
    shared.wc_nsec = static_cast<std::uint32_t>(at_boot % 1'000'000'000);
    __atomic_store_n(&shared.wc_version, version + 1, __ATOMIC_RELEASE);
}

}  // namespace hv::x86
