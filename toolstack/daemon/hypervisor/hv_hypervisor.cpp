#include "hypervisor/hv_hypervisor.hpp"

#include <array>

#include "hvctl/store_ring.hpp"
#include "hvctl/try.hpp"

namespace hvctld {

hvctl::Result<std::unique_ptr<HvHypervisor>> HvHypervisor::open(std::string kernel_cache) {
    auto port = TRY(hvctl::open_hypercall_port());
    TRY(hvctl::Control{*port}.version());
    auto events = TRY(hvctl::EventChannels::open());
    auto memory = TRY(hvctl::ForeignMemory::open());
    return std::unique_ptr<HvHypervisor>{
        new HvHypervisor{std::move(port), std::move(events), std::move(memory), std::move(kernel_cache)}};
}

HvHypervisor::HvHypervisor(std::unique_ptr<hvctl::HypercallPort> port, hvctl::EventChannels events,
                           hvctl::ForeignMemory memory, std::string kernel_cache)
    : port_{std::move(port)},
      control_{*port_},
      xen_{*port_},
      events_{std::move(events)},
      memory_{std::move(memory)},
      kernel_cache_{std::move(kernel_cache)} {}

hvctl::Result<hvctl::HvVersion> HvHypervisor::version() {
    return control_.version();
}
hvctl::Result<abi::GetHostInfo> HvHypervisor::host_info() {
    return control_.host_info();
}
hvctl::Result<std::string> HvHypervisor::read_text(abi::Text which) {
    return control_.read_text(which);
}
hvctl::Result<std::vector<hvctl::PerfCounter>> HvHypervisor::perf_counters() {
    return control_.perf_counters();
}
hvctl::Result<hvctl::ConsoleText> HvHypervisor::read_console(std::uint64_t position, std::size_t capacity, bool clear) {
    return control_.read_console(position, capacity, clear);
}
hvctl::Result<void> HvHypervisor::send_debug_keys(std::string_view keys) {
    return control_.send_debug_keys(keys);
}

hvctl::Result<std::vector<abi::DomainInfo>> HvHypervisor::list_domains() {
    return control_.list_domains();
}
hvctl::Result<abi::DomainInfo> HvHypervisor::domain(DomainId domain) {
    return control_.domain(domain);
}
hvctl::Result<DomainId> HvHypervisor::create_domain(abi::DomainType type, const hvctl::Uuid& uuid,
                                                    const hvctl::DomainLimits& limits) {
    return control_.create_domain(hvctl::kDomainAny, type, uuid, limits);
}
hvctl::Result<void> HvHypervisor::destroy_domain(DomainId domain) {
    return control_.destroy_domain(domain);
}
hvctl::Result<void> HvHypervisor::set_uuid(DomainId domain, const hvctl::Uuid& uuid) {
    return control_.set_uuid(domain, uuid);
}
hvctl::Result<void> HvHypervisor::pause_domain(DomainId domain) {
    return control_.pause_domain(domain);
}
hvctl::Result<void> HvHypervisor::unpause_domain(DomainId domain) {
    return control_.unpause_domain(domain);
}
hvctl::Result<void> HvHypervisor::set_max_memory(DomainId domain, std::uint64_t frames) {
    return control_.set_max_memory(domain, frames);
}
hvctl::Result<void> HvHypervisor::set_claim(DomainId domain, std::uint64_t frames) {
    return control_.set_claim(domain, frames);
}
hvctl::Result<abi::GetVcpuInfo> HvHypervisor::vcpu_info(DomainId domain, VcpuId vcpu) {
    return control_.vcpu_info(domain, vcpu);
}
hvctl::Result<hvctl::VcpuCpus> HvHypervisor::vcpu_affinity(DomainId domain, VcpuId vcpu, std::uint32_t cpus) {
    return control_.vcpu_affinity(domain, vcpu, cpus);
}
hvctl::Result<void> HvHypervisor::set_vcpu_affinity(DomainId domain, VcpuId vcpu, const hvctl::VcpuCpus& cpus) {
    return control_.set_vcpu_affinity(domain, vcpu, cpus);
}
hvctl::Result<abi::SchedParameters> HvHypervisor::sched_parameters(DomainId domain) {
    return control_.sched_parameters(domain);
}
hvctl::Result<void> HvHypervisor::set_sched_parameters(const abi::SchedParameters& parameters) {
    return control_.set_sched_parameters(parameters);
}

hvctl::Result<hvctl::KernelImage> HvHypervisor::load_kernel(const std::string& path) {
    hvctl::KernelLoadOptions options;
    options.cache_directory = kernel_cache_;
    return hvctl::load_kernel(std::filesystem::path{path}, options);
}

hvctl::Result<void> HvHypervisor::check_build(const hvctl::KernelImage& kernel, const hvctl::PvSpec& spec) {
    TRY(hvctl::plan_pv_build(kernel, spec));
    return {};
}

hvctl::Result<hvctl::PvDomain> HvHypervisor::build(const hvctl::KernelImage& kernel, const hvctl::PvSpec& spec,
                                                   const hvctl::BuildProgress& progress,
                                                   const std::stop_token& cancel) {
    return hvctl::build_pv_domain(control_, xen_, kernel, spec, progress, cancel);
}

hvctl::Result<hvctl::CoreContents> HvHypervisor::collect_core(DomainId domain, const std::string& file_name,
                                                              const std::stop_token& cancel) {
    auto contents = TRY(hvctl::collect_core(control_, domain, file_name, cancel));
    const std::array shared{Mfn{TRY(control_.domain(domain)).shared_info_mfn}};
    if (const auto page = memory_.map(domain, shared, hvctl::Access::ReadOnly))
        contents.shared_info.assign(page->bytes().begin(), page->bytes().end());
    return contents;
}

hvctl::Result<std::uint64_t> HvHypervisor::write_core(DomainId domain, const hvctl::CoreContents& contents, int fd,
                                                      const hvctl::CoreProgress& progress,
                                                      const std::stop_token& cancel) {
    return hvctl::write_core(control_, domain, contents, fd, progress, cancel);
}

hvctl::Result<SharedPage> HvHypervisor::map_page(DomainId domain, Mfn frame) {
    const std::array frames{frame};
    auto mapping = std::make_shared<hvctl::Mapping>(TRY(memory_.map(domain, frames, hvctl::Access::ReadWrite)));
    return SharedPage{mapping->data(), mapping};
}

hvctl::Result<LocalStore> HvHypervisor::open_local_store() {
    auto ring = TRY(hvctl::open_local_store_ring());
    auto mapping = std::make_shared<hvctl::Mapping>(std::move(ring.page));
    return LocalStore{{mapping->data(), mapping}, ring.port};
}

hvctl::Result<EventPort> HvHypervisor::bind_interdomain(DomainId remote, EventPort remote_port) {
    return events_.bind_interdomain(remote, remote_port);
}
hvctl::Result<EventPort> HvHypervisor::bind_domain_exception() {
    return events_.bind_virq(hvctl::Virq::DomainException);
}
hvctl::Result<void> HvHypervisor::unbind(EventPort port) {
    return events_.unbind(port);
}
hvctl::Result<void> HvHypervisor::notify(EventPort port) {
    return events_.notify(port);
}
hvctl::Result<std::optional<EventPort>> HvHypervisor::next_event() {
    return events_.pending();
}
hvctl::Result<void> HvHypervisor::unmask(EventPort port) {
    return events_.unmask(port);
}
hvctl::Result<void> HvHypervisor::reset_events() {
    return events_.reset();
}

}  // namespace hvctld
