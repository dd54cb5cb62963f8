// Pausing, stopping and the end of a domain.
#include "hv/abi/xen/shared_info.hpp"
#include "hv/base/log.hpp"
#include "hv/domain/domain.hpp"
#include "hv/domain/domain_frames.hpp"
#include "hv/domain/domain_table.hpp"
#include "hv/domain/guest_kind.hpp"
#include "hv/domain/relinquish.hpp"
#include "hv/domain/vcpu_timers.hpp"
#include "hv/machine/power.hpp"
#include "hv/machine/vcpus.hpp"
#include "hv/memory/allocator.hpp"
#include "hv/sched/sched.hpp"

namespace hv {
namespace {

template <class Visit>
void for_each_vcpu(Domain& domain, Visit visit) {
    for (VcpuId id : ids<VcpuId>(domain.max_vcpus))
        if (Vcpu* vcpu = domain.vcpu(id)) visit(*vcpu);
}

void stop_vcpus(Domain& domain) {
    for_each_vcpu(domain, [](Vcpu& vcpu) { sched_sleep(vcpu); });
}

void wait_for_vcpus(Domain& domain) {
    for_each_vcpu(domain, [](const Vcpu& vcpu) { vcpu.wait_until_out(); });
}

}  // namespace

void Domain::pause_nosync() {
    pause_count.fetch_add(1, std::memory_order_acq_rel);
    stop_vcpus(*this);
}

void Domain::pause() {
    pause_nosync();
    wait_for_vcpus(*this);
}

void Domain::unpause() {
    if (pause_count.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
    for_each_vcpu(*this, [](Vcpu& vcpu) { sched_wake(vcpu); });
}

void notify_privileged_domain(std::uint32_t virq) {
    if (Domain* domain = privileged_domain()) notify_global_virq(*domain, virq);
}

void Domain::shutdown(std::uint32_t reason) {
    if (privileged) {
        privileged_domain_stopped(reason);
        return;
    }
    {
        Guard guard{lock};
        if (shut_down.load(std::memory_order_relaxed)) return;
        shutdown_reason = announced_shutdown == kNoShutdownAnnounced ? reason : announced_shutdown;
        shut_down = true;
    }
    log_about_guest(LogLevel::Info, "d{} has stopped, reason {}", id, reason);
    stop_vcpus(*this);
    notify_privileged_domain(static_cast<std::uint32_t>(abi::xen::Virq::DomainException));
}

void Domain::crash(const char* why) {
    log_about_guest(LogLevel::Warning, "d{} crashed: {}", id, why);
    shutdown(static_cast<std::uint32_t>(abi::control::ShutdownReason::Crash));
}

Result<> Domain::destroy() {
    if (privileged || this == &current_domain()) return fail(Error::BadArgument);
    {
        Guard guard{lock};
        if (dying.load() == Dying::Dead) return fail(Error::NoDomain);
        if (dying.load() == Dying::Alive) {
            dying = Dying::Dying;
            pause_count.fetch_add(1, std::memory_order_acq_rel);
        }
        // Two callers at once: the second one is told to come back.
        if (teardown_busy) return fail(Error::Again);
        teardown_busy = true;
    }
    const auto work = [&]() -> Result<> {
        stop_vcpus(*this);
        wait_for_vcpus(*this);
        for_each_vcpu(*this, [](Vcpu& vcpu) { vcpu_timers_stop(vcpu); });
        watchdogs.destroy();
        TRY(set_claim(*this, 0));
        TRY(events.destroy());
        leave_address_spaces(*this);
        for (VcpuId id : ids<VcpuId>(max_vcpus))
            if (Vcpu* each = vcpu(id)) TRY(relinquish_vcpu(*each));
        kind.relinquish_domain(*this);
        TRY(relinquish_frames(*this));
        TRY(grants.release_mappings());
        {
            Guard guard{frames_lock};
            if (frames != 0) return fail(Error::Again);
        }
        TRY(grants.maptrack.release());
        return grants.release_pages();
    };
    const Result<> done = work();
    {
        Guard guard{lock};
        teardown_busy = false;
        if (!done) return done;
        dying = Dying::Dead;
    }
    withdraw_domain(*this);
    const DomainRef last{this};  // the table's reference
    notify_privileged_domain(static_cast<std::uint32_t>(abi::xen::Virq::DomainException));
    return {};
}

}  // namespace hv
