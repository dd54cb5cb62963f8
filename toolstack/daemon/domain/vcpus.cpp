#include "domain/vcpus.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "config/values.hpp"
#include "devices/block/disks.hpp"
#include "domain/scheduling.hpp"
#include "hvctl/try.hpp"

namespace hvctld {
namespace {

std::string state_name(std::uint32_t state) {
    switch (static_cast<abi::RunState>(state)) {
        case abi::RunState::Running: return "running";
        case abi::RunState::Runnable: return "runnable";
        case abi::RunState::Blocked: return "blocked";
        case abi::RunState::Offline: return "offline";
    }
    return "offline";
}

// Changes what a definition has: nothing for all CPUs, one list for all vCPUs, or one for each. NoSuchCpu for a list
// without a CPU of the host's, or of the pool's.
Result<void> put_list(std::vector<config::CpuList>& lists, std::optional<std::uint32_t> vcpu, std::uint32_t vcpus,
                      const std::string& text, const std::string& pool, const Context& context) {
    if (text.empty()) return {};
    const auto list = config::parse_cpu_list(text);
    if (!list) return fail(ErrorId::InvalidArgument, list.error());
    const auto has = TRY(context.pools.cpus_of(pool));
    const auto in_list = [&](std::uint32_t cpu) { return list->all || std::ranges::binary_search(list->cpus, cpu); };
    if (std::ranges::none_of(has, in_list)) {
        return fail(ErrorId::NoSuchCpu, fmt::format("{} has CPUs {}, none of which is in \"{}\"",
                                                    context.pools.trivial() ? "the host" : "pool " + pool,
                                                    config::format_cpu_list({false, {has.begin(), has.end()}}), text));
    }
    const config::CpuList all{true, {}};
    std::vector<config::CpuList> each(vcpus, all);
    for (std::uint32_t i = 0; i < vcpus && !lists.empty(); ++i)
        each[i] = lists[std::min<std::size_t>(i, lists.size() - 1)];
    for (std::uint32_t i = vcpu.value_or(0); i < (vcpu ? *vcpu + 1 : vcpus); ++i) each[i] = *list;
    if (std::ranges::count(each, each.front()) == std::ranges::ssize(each)) each.resize(1);
    if (each.size() == 1 && each.front() == all) each.clear();
    lists = std::move(each);
    return {};
}

std::string waits_for_space(const std::string& name, const SpaceHold::Wait& wait) {
    return fmt::format(
        "{} is paused because a disk of it cannot grow: {}; it goes on by itself as soon as there is room: delete what "
        "is not needed there, or make the file system larger",
        name, wait.text());
}

}  // namespace

Result<std::pair<DomainId, std::uint32_t>> Vcpus::of(const std::string& text) {
    DomainId id = hvctl::kDom0;
    if (!names_dom0(text)) id = TRY(domains_.find_running(text))->id();
    const auto info = TRY(within(text, Result<abi::DomainInfo>{hypervisor_.domain(id)}));
    return std::pair{id, info.max_vcpus};
}

Result<std::vector<VcpuView>> Vcpus::list(const std::string& text) {
    const auto [id, count] = TRY(of(text));
    const auto host = TRY(within("host information", Result<abi::GetHostInfo>{hypervisor_.host_info()}));
    std::vector<VcpuView> views;
    for (std::uint32_t vcpu = 0; vcpu < count; ++vcpu) {
        const auto context = fmt::format("{}: vCPU {}", text, vcpu);
        const auto info = TRY(within(context, Result<abi::GetVcpuInfo>{hypervisor_.vcpu_info(id, VcpuId{vcpu})}));
        const auto cpus = TRY(
            within(context, Result<hvctl::VcpuCpus>{hypervisor_.vcpu_affinity(id, VcpuId{vcpu}, host.cpus_online)}));
        VcpuView view;
        view.vcpu = vcpu;
        view.cpu = info.cpu;
        view.state = state_name(info.state);
        view.online = info.online != 0;
        view.cpu_time = info.state_time_ns[static_cast<std::size_t>(abi::RunState::Running)];
        view.steal_time = info.state_time_ns[static_cast<std::size_t>(abi::RunState::Runnable)];
        view.hard_affinity = format_cpu_list(cpus_in(cpus.hard, host.cpus_online));
        view.soft_affinity = format_cpu_list(cpus_in(cpus.soft, host.cpus_online));
        views.push_back(std::move(view));
    }
    return views;
}

Result<void> Vcpus::pin(const std::string& text, std::optional<std::uint32_t> vcpu, const std::string& hard,
                        const std::string& soft) {
    Domain* domain = names_dom0(text) ? nullptr : TRY(domains_.find_running(text));
    if (domain != nullptr) TRY(work_.admit(*domain, Verb::Pin));
    const auto [id, count] = TRY(of(text));
    if (vcpu && *vcpu >= count)
        return fail(ErrorId::NoSuchVcpu, fmt::format("{} has {} vCPUs; there is no vCPU {}", text, count, *vcpu));
    const config::DomainDefinition before = domain != nullptr ? domain->definition : context_.dom0;
    config::DomainDefinition pinned = before;
    pinned.max_vcpus = count;
    TRY(put_list(pinned.cpus, vcpu, count, hard, pinned.pool, context_));
    TRY(put_list(pinned.cpus_soft, vcpu, count, soft, pinned.pool, context_));
    TRY(change_affinity(context_, id, before, pinned));
    if (domain == nullptr) {
        context_.dom0 = std::move(pinned);
        return {};
    }
    domain->definition = std::move(pinned);
    domains_.save_definition(*domain);
    return {};
}

Result<Domain*> Vcpus::whole(const std::string& text, Verb asked) {
    Domain* domain = TRY(domains_.find_running(text));
    TRY(work_.admit(*domain, asked));
    TRY(Work::require_whole(*domain));
    return domain;
}

Result<void> Vcpus::pause(const std::string& text) {
    const Domain* domain = TRY(whole(text, Verb::Pause));
    domain->disks->space_hold().set_paused(true);
    TRY(within("pause " + domain->record.name, Result<void>{hypervisor_.pause_domain(domain->id())}));
    domains_.changed(*domain);
    return {};
}

Result<void> Vcpus::unpause(const std::string& text) {
    const Domain* domain = TRY(whole(text, Verb::Unpause));
    const auto info = TRY(within(domain->record.name, Result<abi::DomainInfo>{hypervisor_.domain(domain->id())}));
    if ((info.flags & abi::kDomainShutdown) != 0) {
        return fail(ErrorId::WrongState,
                    fmt::format("{0} has ended ({1}) and cannot go on; 'hvctl destroy {0}' removes "
                                "what is left of it",
                                domain->record.name, to_string(end_reason(info))));
    }
    if (const auto& wait = domain->disks->space_hold().wait()) {
        if (!wait->paused) return fail(ErrorId::WrongState, waits_for_space(domain->record.name, *wait));
        // What is left is its wait for space.
        domain->disks->space_hold().set_paused(false);
        domains_.changed(*domain);
        return {};
    }
    TRY(within("unpause " + domain->record.name, Result<void>{hypervisor_.unpause_domain(domain->id())}));
    domains_.changed(*domain);
    return {};
}

}  // namespace hvctld
