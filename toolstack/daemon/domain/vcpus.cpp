#include "domain/vcpus.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "config/values.hpp"
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

std::string bitmap_text(const hvctl::CpuBitmap& bitmap, std::uint32_t cpus) {
    config::CpuList list;
    for (std::uint32_t cpu = 0; cpu < cpus && cpu / 8 < bitmap.size(); ++cpu) {
        if ((bitmap[cpu / 8] >> cpu % 8 & 1) != 0) list.cpus.push_back(cpu);
    }
    list.all = list.cpus.size() == cpus;
    return format_cpu_list(list);
}

Result<hvctl::CpuBitmap> parse_bitmap(const std::string& text, std::uint32_t cpus) {
    if (text.empty()) return hvctl::CpuBitmap{};
    const auto list = config::parse_cpu_list(text);
    if (!list) return fail(ErrorId::InvalidArgument, list.error());
    hvctl::CpuBitmap bitmap((cpus + 7) / 8);
    bool any = false;
    for (std::uint32_t cpu = 0; cpu < cpus; ++cpu) {
        if (!list->all && !std::ranges::binary_search(list->cpus, cpu)) continue;
        bitmap[cpu / 8] = static_cast<std::uint8_t>(bitmap[cpu / 8] | 1u << cpu % 8);
        any = true;
    }
    if (any) return bitmap;
    return fail(ErrorId::NoSuchCpu, fmt::format("the host has CPUs 0-{}, none of which is in \"{}\"", cpus - 1, text));
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
        view.hard_affinity = bitmap_text(cpus.hard, host.cpus_online);
        view.soft_affinity = bitmap_text(cpus.soft, host.cpus_online);
        views.push_back(std::move(view));
    }
    return views;
}

Result<void> Vcpus::pin(const std::string& text, std::optional<std::uint32_t> vcpu, const std::string& hard,
                        const std::string& soft) {
    if (!names_dom0(text)) TRY(work_.admit(*TRY(domains_.find_running(text)), Verb::Pin));
    const auto [id, count] = TRY(of(text));
    if (vcpu && *vcpu >= count)
        return fail(ErrorId::NoSuchVcpu, fmt::format("{} has {} vCPUs; there is no vCPU {}", text, count, *vcpu));
    const auto host = TRY(within("host information", Result<abi::GetHostInfo>{hypervisor_.host_info()}));
    const hvctl::VcpuCpus cpus{TRY(parse_bitmap(hard, host.cpus_online)), TRY(parse_bitmap(soft, host.cpus_online))};
    for (std::uint32_t each = vcpu.value_or(0); each < (vcpu ? *vcpu + 1 : count); ++each) {
        TRY(within(fmt::format("{}: vCPU {}", text, each),
                   Result<void>{hypervisor_.set_vcpu_affinity(id, VcpuId{each}, cpus)}));
    }
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
    TRY(within("unpause " + domain->record.name, Result<void>{hypervisor_.unpause_domain(domain->id())}));
    domains_.changed(*domain);
    return {};
}

}  // namespace hvctld
