#include "hv/domain/domain.hpp"

#include <cstring>

#include "hv/abi/control/control.hpp"
#include "hv/base/log.hpp"
#include "hv/domain/domain_frames.hpp"
#include "hv/domain/domain_table.hpp"
#include "hv/domain/guest_kind.hpp"
#include "hv/domain/runstate.hpp"
#include "hv/domain/vcpu_timers.hpp"
#include "hv/machine/clock.hpp"
#include "hv/memory/allocator.hpp"
#include "hv/sched/sched.hpp"

namespace hv {
namespace {

using abi::control::CreateDomain;

// Limits of the limits: what a toolstack may ask for.
constexpr std::uint32_t kMostEventPorts = abi::xen::kFifoPorts;
constexpr std::uint32_t kMostMaptrackFrames = 65536;

Result<> create_vcpu(Domain& domain, VcpuId id) {
    auto* vcpu = new (std::nothrow) Vcpu{domain, id};
    if (!vcpu) return fail(Error::NoMemory);
    domain.vcpus[id.raw] = vcpu;
    domain.hv_bytes += sizeof(Vcpu);
    vcpu->info = id.raw < abi::xen::kLegacyMaxVcpus ? &domain.shared_info->vcpu_info[id.raw] : &domain.spare_vcpu_info;
    vcpu->info.load()->evtchn_upcall_mask = 1;
    runstate_init(*vcpu, time::now());
    vcpu_timers_init(*vcpu, CpuId{0});
    TRY(domain.kind.create_vcpu(*vcpu));
    return sched_add_vcpu(*vcpu);
}

void destroy_vcpu(Domain& domain, VcpuId id) {
    Vcpu* vcpu = domain.vcpus[id.raw];
    if (!vcpu) return;
    sched_remove_vcpu(*vcpu);
    vcpu_timers_destroy(*vcpu);
    domain.kind.destroy_vcpu(*vcpu);
    domain.vcpus[id.raw] = nullptr;
    delete vcpu;
}

Result<> build(Domain& domain, const CreateDomain& config) {
    domain.shared_info = SharedObject<abi::xen::SharedInfo>{TRY(SharedPage::allocate(domain))};
    TRY(domain.kind.create_domain(domain));
    TRY(domain.events.init(domain, config.max_event_ports));
    TRY(domain.grants.init(domain, {.max_frames = config.max_grant_frames,
                                    .max_maptrack_frames = config.max_maptrack_frames,
                                    .max_version = config.max_grant_version}));
    domain.watchdogs.init(domain);
    sched_init_domain(domain);
    for (VcpuId id : ids<VcpuId>(domain.max_vcpus)) TRY(create_vcpu(domain, id));
    return {};
}

}  // namespace

Domain::Domain(DomainId number, const CreateDomain& config, bool is_privileged)
    : id{number},
      privileged{is_privileged},
      type{static_cast<abi::control::DomainType>(config.type)},
      kind{*guest_kind(type)},
      linear_tables{(config.flags & abi::control::kCreateLinearPageTables) != 0},
      created_at{time::now()},
      max_vcpus{config.max_vcpus},
      max_frames{config.max_frames},
      map_frames{config.max_frames} {
    std::memcpy(uuid_, config.uuid, sizeof uuid_);
    hv_bytes = sizeof(Domain);
}

Domain::~Domain() = default;

void Domain::copy_uuid(std::uint8_t (&into)[kUuidBytes]) {
    Guard guard{lock};
    std::memcpy(into, uuid_, sizeof uuid_);
}

void Domain::set_uuid(const std::uint8_t (&from)[kUuidBytes]) {
    Guard guard{lock};
    std::memcpy(uuid_, from, sizeof uuid_);
}

// Takes a domain apart that cannot be reached any more, or that was never published.
void free_domain(Domain& domain) {
    sched_destroy_domain(domain);
    for (VcpuId id{0}; domain.vcpus && id.raw < domain.max_vcpus; ++id) destroy_vcpu(domain, id);
    domain.grants.destroy();
    domain.kind.destroy_domain(domain);
    delete &domain;
}

Result<Domain*> Domain::create(const CreateDomain& config, bool privileged) {
    if ((config.flags & ~std::uint32_t{abi::control::kCreateLinearPageTables}) != 0 || config.reserved0 != 0)
        return fail(Error::BadArgument);
    if (config.max_vcpus == 0 || config.max_vcpus > kMaxVcpus) return fail(Error::BadArgument);
    if (config.max_event_ports > kMostEventPorts || config.max_grant_frames > abi::control::kMostGrantFrames ||
        config.max_maptrack_frames > kMostMaptrackFrames || config.max_grant_version > 2)
        return fail(Error::BadArgument);
    if (!guest_kind(static_cast<abi::control::DomainType>(config.type))) return fail(Error::NotSupported);
    DomainId id{config.domain};
    if (config.domain == abi::control::kDomainAny) {
        id = choose_domain_id();
        if (id == DomainId{0}) return fail(Error::NoSpace);
    }
    if (id.raw < kMaxDomains && domain_in_table(id)) return fail(Error::Exists);
    if (id.raw >= kMaxDomains || (id == DomainId{0}) != privileged) return fail(Error::BadArgument);

    auto* domain = new (std::nothrow) Domain{id, config, privileged};
    if (!domain) return fail(Error::NoMemory);
    domain->vcpus.reset(new (std::nothrow) Vcpu* [config.max_vcpus] {});
    // Paused until the toolstack has built it.
    domain->pause_count = 1;
    domain->paused_by_control = true;
    Result<> built = domain->vcpus ? build(*domain, config) : fail(Error::NoMemory);
    if (built && !publish_domain(*domain)) built = fail(Error::Exists);
    if (!built) {
        free_domain(*domain);
        return fail(built.error());
    }
    return domain;
}

DomainRef::~DomainRef() {
    if (domain_ && domain_->references.fetch_sub(1, std::memory_order_acq_rel) == 1) free_domain(*domain_);
}

}  // namespace hv
