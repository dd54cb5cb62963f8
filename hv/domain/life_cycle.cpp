#include "hv/domain/life_cycle.hpp"

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
    for (VcpuId id = 0; id < domain.max_vcpus; ++id)
        if (Vcpu* vcpu = domain.vcpu(id)) visit(*vcpu);
}

void stop_vcpus(Domain& domain) {
    for_each_vcpu(domain, [](Vcpu& vcpu) { sched_sleep(vcpu); });
}

void wait_for_vcpus(Domain& domain) {
    for_each_vcpu(domain, wait_until_out);
}

}  // namespace

void domain_pause_nosync(Domain& domain) {
    domain.pause_count.fetch_add(1, std::memory_order_acq_rel);
    stop_vcpus(domain);
}

void domain_pause(Domain& domain) {
    domain_pause_nosync(domain);
    wait_for_vcpus(domain);
}

void domain_unpause(Domain& domain) {
    if (domain.pause_count.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
    for_each_vcpu(domain, [](Vcpu& vcpu) { sched_wake(vcpu); });
}

void notify_privileged_domain(std::uint32_t virq) {
    if (Domain* domain = privileged_domain()) notify_global_virq(*domain, virq);
}

void domain_shutdown(Domain& domain, std::uint32_t reason) {
    if (domain.privileged) {
        privileged_domain_stopped(reason);
        return;
    }
    {
        Guard guard{domain.lock};
        if (domain.shut_down.load(std::memory_order_relaxed)) return;
        domain.shutdown_reason = domain.announced_shutdown == kNoShutdownAnnounced ? reason : domain.announced_shutdown;
        domain.shut_down = true;
    }
    log(LogLevel::Info, "d{} has stopped, reason {}", domain.id, reason);
    stop_vcpus(domain);
    notify_privileged_domain(static_cast<std::uint32_t>(abi::xen::Virq::DomainException));
}

void domain_crash(Domain& domain, const char* why) {
    log(LogLevel::Warning, "d{} crashed: {}", domain.id, why);
    domain_shutdown(domain, static_cast<std::uint32_t>(abi::control::ShutdownReason::Crash));
}

Result<> destroy_domain(Domain& domain) {
    if (domain.privileged || &domain == &current_domain()) return fail(Error::BadArgument);
    {
        Guard guard{domain.lock};
        if (domain.dying.load() == Dying::Dead) return fail(Error::NoDomain);
        if (domain.dying.load() == Dying::Alive) {
            domain.dying = Dying::Dying;
            domain.pause_count.fetch_add(1, std::memory_order_acq_rel);
        }
        // Two callers at once: the second one is told to come back.
        if (domain.teardown_busy) return fail(Error::Again);
        domain.teardown_busy = true;
    }
    const auto work = [&]() -> Result<> {
        stop_vcpus(domain);
        wait_for_vcpus(domain);
        for_each_vcpu(domain, [](Vcpu& vcpu) { vcpu_timers_stop(vcpu); });
        domain.watchdogs.destroy();
        TRY(set_claim(domain, 0));
        TRY(domain.events.destroy());
        leave_address_spaces(domain);
        for (VcpuId id = 0; id < domain.max_vcpus; ++id)
            if (Vcpu* vcpu = domain.vcpu(id)) TRY(relinquish_vcpu(*vcpu));
        domain.kind.relinquish_domain(domain);
        TRY(relinquish_frames(domain));
        TRY(domain.grants.release_mappings());
        {
            Guard guard{domain.frames_lock};
            if (domain.frames != 0) return fail(Error::Again);
        }
        TRY(domain.grants.maptrack.release());
        return domain.grants.release_pages();
    };
    const Result<> done = work();
    {
        Guard guard{domain.lock};
        domain.teardown_busy = false;
        if (!done) return done;
        domain.dying = Dying::Dead;
    }
    withdraw_domain(domain);
    const DomainRef last{&domain};  // the table's reference
    notify_privileged_domain(static_cast<std::uint32_t>(abi::xen::Virq::DomainException));
    return {};
}

}  // namespace hv
