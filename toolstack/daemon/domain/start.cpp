// From a definition to a running guest: the phases of a create, restart or reboot job.
#include <fmt/format.h>

#include <algorithm>

#include "base/log.hpp"
#include "domain/images.hpp"
#include "domain/manager.hpp"
#include "domain/store_entries.hpp"
#include "hvctl/try.hpp"

namespace hvctld {

// What one start carries from phase to phase. The pool's thread has it to itself while its phase runs.
struct Manager::Build {
    std::string name;
    config::DomainDefinition definition;
    DomainId domid;
    hvctl::KernelImage kernel;
    hvctl::PvDomain built;
};

namespace {

hvctl::Uuid binary_uuid(const std::string& text) {
    hvctl::Uuid uuid{};
    std::size_t digit = 0;
    for (const char c : text) {
        if (c == '-') continue;
        const auto value = static_cast<std::uint8_t>(c <= '9' ? c - '0' : c - 'a' + 10);
        uuid[digit / 2] = static_cast<std::uint8_t>(uuid[digit / 2] << 4 | value);
        if (++digit == 32) break;
    }
    return uuid;
}

// Each build phase's share of the job's percents.
std::uint32_t build_percent(hvctl::BuildPhase phase, std::uint64_t done, std::uint64_t total) {
    constexpr std::uint32_t kFirst = 30;
    constexpr std::uint32_t kShare = 8;
    const auto within_phase = total == 0 ? 0 : static_cast<std::uint32_t>(std::min(done, total) * kShare / total);
    return kFirst + static_cast<std::uint32_t>(phase) * kShare + within_phase;
}

hvctl::CpuBitmap bitmap_of(const std::vector<config::CpuList>& lists, std::uint32_t vcpu, std::uint32_t cpus) {
    if (lists.empty()) return {};
    const config::CpuList& list = lists[std::min<std::size_t>(vcpu, lists.size() - 1)];
    hvctl::CpuBitmap bitmap((cpus + 7) / 8);
    for (std::uint32_t cpu = 0; cpu < cpus; ++cpu) {
        if (list.all || std::ranges::binary_search(list.cpus, cpu))
            bitmap[cpu / 8] = static_cast<std::uint8_t>(bitmap[cpu / 8] | 1u << cpu % 8);
    }
    return bitmap;
}

}  // namespace

Result<void> Manager::create_in_hv(Domain& domain, Build& build) {
    const config::DomainDefinition& definition = build.definition;
    hvctl::DomainLimits limits;
    limits.max_frames = definition.max_memory / hvctl::kPageSize;
    limits.max_vcpus = definition.max_vcpus;
    limits.max_event_ports = definition.max_event_channels;
    limits.max_grant_frames = definition.max_grant_frames;
    limits.max_maptrack_frames = definition.max_maptrack_frames;
    limits.max_grant_version = definition.max_grant_version;
    limits.linear_page_tables = definition.pv_linear_page_tables;
    build.domid = TRY(within(definition.name + ": create",
                             Result<DomainId>{hypervisor_.create_domain(binary_uuid(definition.uuid), limits)}));
    domain.record.instance.domid = build.domid.raw;
    save(domain);  // until the file has it, the UUID of a domain in the phase of building tells as much
    return {};
}

// What cannot be freed now stays as a domain that is being ended: it can be destroyed again, and is noticed when it
// goes.
Step Manager::undo_build(Domain& domain) {
    return [this, &domain](Job& failed, const Done& done) {
        disconnect(domain);
        if (!domain.in_hv()) {
            domain.record.phase = DomainPhase::Stopped;
            return done({});
        }
        domain.record.phase = DomainPhase::Ending;
        save(domain);
        free_step(domain)(failed, [this, &domain, done](const Result<void>& freed) {
            if (freed) {
                domain.record.phase = DomainPhase::Stopped;
                domain.record.instance = {};
            } else {
                log::error("{}", freed.error().text());
            }
            done({});
        });
    };
}

Result<void> Manager::build_in_pool(Job& job, Build& build) {
    const auto initrd = TRY(load_initrd(build.definition));
    const hvctl::PvSpec spec = pv_spec(build.definition, build.domid, initrd);
    const auto progress = [&job](hvctl::BuildPhase phase, std::uint64_t done, std::uint64_t total) {
        job.report_percent(build_percent(phase, done, total));
    };
    build.built =
        TRY(within(build.name + ": build",
                   Result<hvctl::PvDomain>{hypervisor_.build(build.kernel, spec, progress, job.stop_token())}));
    build.kernel = {};
    return {};
}

Result<void> Manager::apply_scheduling(const Domain& domain, std::uint32_t cpus) {
    const config::DomainDefinition& definition = domain.definition;
    abi::SchedParameters parameters{};
    parameters.domain = domain.record.instance.domid;
    parameters.weight = definition.cpu_weight;
    parameters.cap = definition.cpu_cap;
    parameters.reservation = definition.cpu_reservation;
    TRY(within(definition.name + ": CPU shares", Result<void>{hypervisor_.set_sched_parameters(parameters)}));
    if (definition.cpus.empty() && definition.cpus_soft.empty()) return {};
    for (std::uint32_t vcpu = 0; vcpu < definition.max_vcpus; ++vcpu) {
        const hvctl::VcpuCpus affinity{bitmap_of(definition.cpus, vcpu, cpus),
                                       bitmap_of(definition.cpus_soft, vcpu, cpus)};
        TRY(within(fmt::format("{}: affinity of vCPU {}", definition.name, vcpu),
                   Result<void>{hypervisor_.set_vcpu_affinity(domain.id(), VcpuId{vcpu}, affinity)}));
    }
    return {};
}

Result<void> Manager::connect_store(Domain& domain, bool introduced) {
    const Instance& instance = domain.record.instance;
    const store::DomainId id{instance.domid};
    const auto context = domain.record.name + ": store ring";
    SharedPage page =
        TRY(within(context, Result<SharedPage>{hypervisor_.map_page(domain.id(), Mfn{instance.store_mfn})}));
    domain.store_port = TRY(within(context, Result<BoundPort>{events_.bind(domain.id(), EventPort{instance.store_port},
                                                                           [this, id] { store_.ring_event(id); })}));
    const EventPort port = domain.store_port.port();
    store::RingPort ring{reinterpret_cast<store::RingPage*>(page.data),
                         [this, port] { (void)hypervisor_.notify(port); }, std::move(page.keep_alive)};
    const auto done = introduced && store_.is_introduced(id)
                          ? store_.attach_ring(id, std::move(ring))
                          : store_.introduce_domain(id, instance.store_mfn, instance.store_port, std::move(ring));
    if (!done) return fail(ErrorId::Internal, fmt::format("{}: {}", context, store::wire_name(done.error())));
    for (const auto& [name, limit] : domain.definition.xenstore_quota) {
        if (const auto quota = store::quota_by_name(name)) store_.set_quota(id, *quota, limit);
    }
    return {};
}

// Its definition has proven itself, and what was before is over.
void Manager::started(Domain& domain) {
    if (domain.console) domain.console->keep_run();
    domain.record.draft = false;
    domain.record.fallback.reset();
    domain.record.end_reason.clear();
    domain.failed_starts = 0;
    save(domain);
}

void Manager::add_start_phases(Job& job, Domain& domain, bool paused, bool patient) {
    auto build = std::make_shared<Build>();
    build->name = domain.record.name;
    build->definition = domain.definition;

    job.on_failure([this, &domain](Job&, const Done& done) {
        if (domain.console) domain.console->abandon_run();
        if (!domain.in_hv()) stopped(domain, "");
        done({});
    });
    job.add({"check", 0, [this, &domain, build](Job& running, const Done& done) {
                 if (const auto fits = check_host(build->definition); !fits) return done(fits);
                 // Before anything else is done: clients may attach as soon as they know of the job.
                 const auto console = console_of(domain);
                 if (!console) return done(std::unexpected(console.error()));
                 const bool anew = running.record().verb == "create" || running.record().verb == "start";
                 running.on_interrupt([done](Error& why) { done(std::unexpected(why)); });
                 (*console)->prepare_run(anew, [done, name = build->name](const Result<void>& ready) {
                     done(within(name + ": console log", Result<void>{ready}));
                 });
             }});
    // A file server that does not answer must hold up nothing but its own guests.
    job.add({"look for its files", 2,
             looks_.step_apart([definition = build->definition] { return check_files(definition); })});
    // Known to be half-made before hv has it: should the daemon be killed now, the UUID tells the next one which it is.
    job.add({"remember", 3, [this, &domain, patient](Job& running, const Done& done) {
                 domain.record.phase = DomainPhase::Building;
                 domain.record.instance = {};
                 domain.ended.reset();
                 save(domain);
                 running.on_failure(undo_build(domain));
                 remembered(patient)(running, done);
             }});
    job.add({"create", 5, immediate([this, &domain, build](Job&) { return create_in_hv(domain, *build); })});
    job.add({"claim memory", 10, immediate([this, build](Job&) {
                 const std::uint64_t frames = build->definition.memory / hvctl::kPageSize;
                 return within(fmt::format("{}: claim {}", build->name, config::format_size(build->definition.memory)),
                               Result<void>{hypervisor_.set_claim(build->domid, frames)});
             })});
    job.add({"load kernel", 12, builds_.step([this, build](Job&) -> Result<void> {
                 build->kernel = TRY(load_kernel(hypervisor_, build->definition));
                 return {};
             })});
    job.add({"build", 30, builds_.step([this, build](Job& running) { return build_in_pool(running, *build); })});
    job.add({"configure", 88, immediate([this, &domain, build](Job&) -> Result<void> {
                 const hvctl::PvRings& rings = build->built.rings;
                 domain.record.instance = {build->domid.raw, rings.store.raw, rings.store_port.raw, rings.console.raw,
                                           rings.console_port.raw};
                 save(domain);
                 // What the claim promised is there now.
                 TRY(within(build->name + ": claim", Result<void>{hypervisor_.set_claim(build->domid, 0)}));
                 const auto host = TRY(within("host information", Result<abi::GetHostInfo>{hypervisor_.host_info()}));
                 return apply_scheduling(domain, host.cpus_online);
             })});
    job.add({"introduce to the store", 92, immediate([this, &domain, build](Job&) -> Result<void> {
                 TRY(write_domain_entries(store_, build->definition, domain.record.instance));
                 return connect_store(domain, false);
             })});
    job.add({"console", 95, immediate([&domain](Job&) -> Result<void> {
                 const Instance& instance = domain.record.instance;
                 return within(domain.record.name + ": console",
                               domain.console->attach(domain.id(), Mfn{instance.console_mfn},
                                                      EventPort{instance.console_port}, false));
             })});
    // Known to run before it does: recovery ends what is half-made, and never a guest that runs.
    job.add({"remember the guest", 97, [this, &domain, patient](Job& running, const Done& done) {
                 DomainRecord& record = domain.record;
                 record.phase = DomainPhase::Running;
                 record.wanted = true;
                 record.started_us = realtime_us();
                 record.run_since_us = monotonic_us();
                 save(domain);
                 remembered(patient)(running, done);
             }});
    job.add({"start", 98, immediate([this, &domain, paused](Job& running) -> Result<void> {
                 if (!paused)
                     TRY(within(domain.record.name + ": start", Result<void>{hypervisor_.unpause_domain(domain.id())}));
                 running.keep();
                 started(domain);
                 return {};
             })});
}

}  // namespace hvctld
