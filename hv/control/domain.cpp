// The control interface's part about domains: listing them, their life from creation to destruction, what they may have
// of memory, and what a guest's builder needs of hv.
#include "hv/domain/domain.hpp"

#include <cstring>

#include "hv/control/operation.hpp"
#include "hv/domain/domain_frames.hpp"
#include "hv/domain/guest_kind.hpp"
#include "hv/domain/runstate.hpp"
#include "hv/machine/preemption.hpp"
#include "hv/memory/allocator.hpp"
#include "hv/memory/guest_access.hpp"

namespace hv {
namespace {

control::DomainInfo describe(Domain& domain) {
    control::DomainInfo info{};
    info.domain = domain.id.raw;
    info.type = static_cast<std::uint32_t>(domain.type);
    // The flag first: the reason is written before it is set.
    if (domain.shut_down.load()) info.flags |= control::kDomainShutdown;
    info.shutdown_reason = domain.shutdown_reason.load();
    domain.copy_uuid(info.uuid);
    info.frames = domain.frames;
    info.max_frames = domain.max_frames;
    info.claimed_frames = domain.claimed_frames;
    info.shared_info_mfn = domain.shared_info.frame().raw;
    info.max_vcpus = domain.max_vcpus;
    info.hv_bytes = domain.hv_bytes.load();
    info.created_at_ns = static_cast<std::uint64_t>(domain.created_at);
    bool running = false, blocked = true;
    for (VcpuId id : ids<VcpuId>(domain.max_vcpus)) {
        Vcpu& vcpu = *domain.vcpu(id);
        info.cpu_time_ns += static_cast<std::uint64_t>(vcpu_run_time(vcpu));
        const std::uint32_t flags = vcpu.flags.load();
        if (flags & kVcpuDown) continue;
        ++info.vcpus_online;
        if (vcpu.running.load()) running = true;
        if (!(flags & kVcpuBlocked)) blocked = false;
    }
    if (domain.dying.load() != Dying::Alive) info.flags |= control::kDomainDying;
    if (domain.paused_by_control.load()) info.flags |= control::kDomainPaused;
    if (blocked && !domain.paused_by_control.load()) info.flags |= control::kDomainBlocked;
    if (running) info.flags |= control::kDomainRunning;
    if (domain.privileged) info.flags |= control::kDomainPrivileged;
    if (domain.unstarted.load()) info.flags |= control::kDomainUnstarted;
    return info;
}

// For operations that would stop the caller itself or the domain that manages all others.
Result<DomainRef> find_managed(DomainId id) {
    DomainRef domain = TRY(find_domain(id));
    if (domain->privileged) return fail(Error::BadArgument);
    return domain;
}

}  // namespace

// Progress: the domain that is next; never the first.
Result<> op_list_domains(control::ListDomains& request, std::uint64_t& progress) {
    if (request.record_size < sizeof(control::DomainInfo)) return fail(Error::BadArgument);
    if (progress == 0) request.count = 0;
    auto id = progress != 0 ? DomainId{static_cast<std::uint16_t>(progress)} : DomainId{request.first};
    for (bool first = true; request.count < request.capacity; first = false) {
        if (!first && preemption_needed()) {
            progress = id.raw;
            return fail(Error::Restart);
        }
        DomainRef domain = next_domain(id);
        if (!domain) break;
        TRY(store(GuestVirtual{request.buffer} + std::uint64_t{request.count} * request.record_size,
                  describe(*domain)));
        ++request.count;
        id = domain->id.next();
    }
    return {};
}

Result<> op_get_domain(control::GetDomain& request) {
    const DomainRef domain = TRY(find_domain(DomainId{request.domain}));
    request.info = describe(*domain);
    return {};
}

Result<> op_create_domain(control::CreateDomain& request) {
    Domain* domain = TRY(Domain::create(request, false));
    request.domain = domain->id.raw;
    return {};
}

Result<> op_destroy_domain(control::DomainOnly& request) {
    const DomainRef domain = TRY(find_managed(DomainId{request.domain}));
    return domain->destroy();
}

Result<> op_pause_domain(control::DomainOnly& request) {
    const DomainRef domain = TRY(find_managed(DomainId{request.domain}));
    // One pause of the toolstack's, however often it asks.
    if (!domain->paused_by_control.exchange(true)) domain->pause();
    return {};
}

Result<> op_unpause_domain(control::DomainOnly& request) {
    const DomainRef domain = TRY(find_managed(DomainId{request.domain}));
    if (!(domain->vcpu(VcpuId{0})->flags.load() & kVcpuInitialised)) return fail(Error::BadArgument);
    domain->unstarted = false;
    if (domain->paused_by_control.load()) domain->watchdogs.restart();
    if (domain->paused_by_control.exchange(false)) domain->unpause();
    return {};
}

Result<> op_shutdown_domain(control::ShutdownDomain& request) {
    if (request.reason > static_cast<std::uint32_t>(control::ShutdownReason::SoftReset))
        return fail(Error::BadArgument);
    const DomainRef domain = TRY(find_managed(DomainId{request.domain}));
    domain->shutdown(request.reason);
    return {};
}

Result<> op_set_max_memory(control::SetFrames& request) {
    const DomainRef domain = TRY(find_domain(DomainId{request.domain}));
    Guard guard{domain->frames_lock};
    domain->max_frames = request.frames;
    return {};
}

Result<> op_set_claim(control::SetFrames& request) {
    const DomainRef domain = TRY(find_domain(DomainId{request.domain}));
    return set_claim(*domain, request.frames);
}

Result<> op_init_hypercall_page(control::InitHypercallPage& request) {
    const DomainRef domain = TRY(find_domain(DomainId{request.domain}));
    FrameInfo* info = TRY(get_guest_frame_and_type(*domain, Gfn{request.gfn}, FrameType::Writable));
    domain->kind.write_hypercall_page(frame_pointer(frame_number(*info)));
    put_frame_and_type(*info);
    return {};
}

Result<> op_seed_grants(control::SeedGrants& request) {
    const DomainRef domain = TRY(find_domain(DomainId{request.domain}));
    return domain->grants.seed(DomainId{request.backend}, Gfn{request.console_gfn}, Gfn{request.store_gfn});
}

Result<> op_set_uuid(control::SetUuid& request) {
    const DomainRef domain = TRY(find_managed(DomainId{request.domain}));
    if (!domain->shut_down.load()) return fail(Error::Busy);
    domain->set_uuid(request.uuid);
    return {};
}

}  // namespace hv
