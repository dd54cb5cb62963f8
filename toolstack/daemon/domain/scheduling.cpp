#include "domain/scheduling.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "domain/reservations.hpp"
#include "hvctl/try.hpp"

namespace hvctld {
namespace {

constexpr std::uint32_t kWhole = 100;  // percent

// The CPUs of one vCPU's list that are in `within`; all of that where there is no list, or none of it is in there.
hvctl::CpuBitmap bitmap_of(const std::vector<config::CpuList>& lists, std::uint32_t vcpu, const CpuPools::Cpus& within,
                           std::uint32_t cpus) {
    hvctl::CpuBitmap chosen((cpus + 7) / 8);
    hvctl::CpuBitmap all((cpus + 7) / 8);
    bool any = false;
    const config::CpuList* list = lists.empty() ? nullptr : &lists[std::min<std::size_t>(vcpu, lists.size() - 1)];
    for (const std::uint32_t cpu : within) {
        const auto bit = static_cast<std::uint8_t>(1u << cpu % 8);
        all[cpu / 8] = static_cast<std::uint8_t>(all[cpu / 8] | bit);
        if (list == nullptr || (!list->all && !std::ranges::binary_search(list->cpus, cpu))) continue;
        chosen[cpu / 8] = static_cast<std::uint8_t>(chosen[cpu / 8] | bit);
        any = true;
    }
    return any ? chosen : all;
}

// For a definition, which names none where it means all that its pool has.
config::CpuList list_of(const hvctl::CpuBitmap& bitmap, std::uint32_t cpus, std::size_t of_pool) {
    config::CpuList list = cpus_in(bitmap, cpus);
    if (list.all || list.cpus.empty() || list.cpus.size() == of_pool) return {true, {}};
    return list;
}

// What the others of a pool have reserved, and where.
Result<std::vector<Reservation>> reserved_by_others(const Context& context, DomainId domain, const std::string& pool,
                                                    std::uint32_t cpus) {
    std::vector<Reservation> all;
    for (const abi::DomainInfo& info :
         TRY(within("list domains", Result<std::vector<abi::DomainInfo>>{context.hypervisor.list_domains()}))) {
        if (info.domain == domain.raw || context.pools.pool_of(info.domain) != pool) continue;
        const DomainId other{info.domain};
        const auto parameters = context.hypervisor.sched_parameters(other);
        if (!parameters || parameters->reservation == 0) continue;
        Reservation& reservation = all.emplace_back(Reservation{parameters->reservation, {}});
        for (std::uint32_t vcpu = 0; vcpu < info.max_vcpus; ++vcpu) {
            const auto affinity = context.hypervisor.vcpu_affinity(other, VcpuId{vcpu}, cpus);
            if (affinity) reservation.vcpus.push_back(cpus_in(affinity->hard, cpus).cpus);
        }
    }
    return all;
}

}  // namespace

config::CpuList cpus_in(const hvctl::CpuBitmap& bitmap, std::uint32_t cpus) {
    config::CpuList list;
    for (std::uint32_t cpu = 0; cpu < cpus && cpu / 8 < bitmap.size(); ++cpu) {
        if ((bitmap[cpu / 8] >> cpu % 8 & 1) != 0) list.cpus.push_back(cpu);
    }
    list.all = list.cpus.size() == cpus;
    return list;
}

Result<void> check_pool(const Context& context, const config::DomainDefinition& definition) {
    const auto cpus = TRY(within(definition.name, context.pools.cpus_of(definition.pool)));
    if (!cpus.empty()) return {};
    return fail(ErrorId::NoCpu, fmt::format("{0}: its pool {1} has no CPU; 'hvctl cpupool-cpu-add {1} CPUS' gives it "
                                            "some",
                                            definition.name, definition.pool));
}

namespace {

// The sum is there; whether it is where the vCPUs may run.
Result<void> check_place(const config::DomainDefinition& definition, const std::vector<Reservation>& others,
                         const CpuPools::Cpus& pool, std::uint32_t cpus) {
    Reservation wanted{definition.cpu_reservation, {}};
    for (std::uint32_t vcpu = 0; vcpu < definition.max_vcpus; ++vcpu)
        wanted.vcpus.push_back(cpus_in(bitmap_of(definition.cpus, vcpu, pool, cpus), cpus).cpus);
    const std::uint32_t room = room_for(wanted, others);
    if (room >= definition.cpu_reservation) return {};
    return fail(ErrorId::NoCpu,
                fmt::format("{}: wants {}% of a CPU reserved, but where its vCPUs may run {}% are left beside what is "
                            "reserved for others; 'hvctl vcpu-list' shows who may run where",
                            definition.name, definition.cpu_reservation, room));
}

}  // namespace

Result<void> check_reservation(const Context& context, DomainId domain, const config::DomainDefinition& definition) {
    if (definition.cpu_reservation == 0) return {};
    const auto cpus = TRY(within(definition.name, context.pools.cpus_of(definition.pool)));
    const auto has = static_cast<std::uint32_t>(cpus.size()) * kWhole;
    const auto host = TRY(within("host information", Result<abi::GetHostInfo>{context.hypervisor.host_info()}));
    const auto reserved = TRY(reserved_by_others(context, domain, definition.pool, host.cpus_online));
    std::uint32_t others = 0;
    for (const Reservation& other : reserved) others += other.percent;
    if (others + definition.cpu_reservation <= has) return check_place(definition, reserved, cpus, host.cpus_online);
    return fail(ErrorId::NoCpu,
                fmt::format("{}: wants {}% of a CPU reserved, but of the {}% that {} has {}% are reserved for others; "
                            "'hvctl sched' shows for whom",
                            definition.name, definition.cpu_reservation, has,
                            context.pools.trivial() ? "the host" : "pool " + definition.pool, others));
}

Result<void> apply_shares(const Context& context, DomainId domain, const config::DomainDefinition& definition) {
    TRY(check_reservation(context, domain, definition));
    abi::SchedParameters parameters{};
    parameters.domain = domain.raw;
    parameters.weight = definition.cpu_weight;
    parameters.cap = definition.cpu_cap;
    parameters.reservation = definition.cpu_reservation;
    return within(definition.name + ": CPU shares", Result<void>{context.hypervisor.set_sched_parameters(parameters)});
}

Result<void> apply_affinity(const Context& context, DomainId domain, const config::DomainDefinition& definition) {
    const auto host = TRY(within("host information", Result<abi::GetHostInfo>{context.hypervisor.host_info()}));
    TRY(check_pool(context, definition));
    const auto cpus = TRY(context.pools.cpus_of(definition.pool));
    for (std::uint32_t vcpu = 0; vcpu < definition.max_vcpus; ++vcpu) {
        const hvctl::VcpuCpus affinity{bitmap_of(definition.cpus, vcpu, cpus, host.cpus_online),
                                       bitmap_of(definition.cpus_soft, vcpu, cpus, host.cpus_online)};
        TRY(within(fmt::format("{}: affinity of vCPU {}", definition.name, vcpu),
                   Result<void>{context.hypervisor.set_vcpu_affinity(domain, VcpuId{vcpu}, affinity)}));
    }
    return {};
}

Result<void> change_affinity(const Context& context, DomainId domain, const config::DomainDefinition& before,
                             const config::DomainDefinition& after) {
    TRY(check_reservation(context, domain, after));
    auto changed = apply_affinity(context, domain, after);
    if (!changed) (void)apply_affinity(context, domain, before);
    return changed;
}

void take_from_hv(const Context& context, DomainId domain, config::DomainDefinition& definition) {
    if (const auto shares = context.hypervisor.sched_parameters(domain)) {
        definition.cpu_weight = shares->weight;
        definition.cpu_cap = shares->cap;
        definition.cpu_reservation = shares->reservation;
    }
    const auto host = context.hypervisor.host_info();
    const auto pool = context.pools.cpus_of(definition.pool);
    if (!host || !pool) return;
    std::vector<config::CpuList> hard;
    std::vector<config::CpuList> soft;
    for (std::uint32_t vcpu = 0; vcpu < definition.max_vcpus; ++vcpu) {
        const auto affinity = context.hypervisor.vcpu_affinity(domain, VcpuId{vcpu}, host->cpus_online);
        if (!affinity) return;
        hard.push_back(list_of(affinity->hard, host->cpus_online, pool->size()));
        soft.push_back(list_of(affinity->soft, host->cpus_online, pool->size()));
    }
    const auto is_all = [](const config::CpuList& list) { return list.all; };
    definition.cpus = std::ranges::all_of(hard, is_all) ? std::vector<config::CpuList>{} : std::move(hard);
    definition.cpus_soft = std::ranges::all_of(soft, is_all) ? std::vector<config::CpuList>{} : std::move(soft);
}

Result<void> apply_scheduling(const Context& context, DomainId domain, const config::DomainDefinition& definition) {
    TRY(apply_shares(context, domain, definition));
    // hv's own beginning is every CPU.
    if (definition.cpus.empty() && definition.cpus_soft.empty() && context.pools.trivial()) return {};
    return apply_affinity(context, domain, definition);
}

}  // namespace hvctld
