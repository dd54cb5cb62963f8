// The real hypervisor, by libhvctl.
#pragma once

#include <memory>

#include "hvctl/foreign_memory.hpp"
#include "hvctl/hypercall.hpp"
#include "hvctl/xen_calls.hpp"
#include "hypervisor/hypervisor.hpp"

namespace hvctld {

class HvHypervisor final : public Hypervisor {
  public:
    // Opens the devices. NotOnHv when this is not Dom0 of hv. `kernel_cache` is where decompressed kernels are kept.
    static hvctl::Result<std::unique_ptr<HvHypervisor>> open(std::string kernel_cache);

    hvctl::Result<hvctl::HvVersion> version() override;
    hvctl::Result<abi::GetHostInfo> host_info() override;
    hvctl::Result<std::string> read_text(abi::Text which) override;
    hvctl::Result<std::vector<hvctl::PerfCounter>> perf_counters() override;
    hvctl::Result<hvctl::ConsoleText> read_console(std::uint64_t position, std::size_t capacity, bool clear) override;
    hvctl::Result<void> send_debug_keys(std::string_view keys) override;
    hvctl::Result<std::vector<abi::DomainInfo>> list_domains() override;
    hvctl::Result<abi::DomainInfo> domain(DomainId domain) override;
    hvctl::Result<DomainId> create_domain(abi::DomainType type, const hvctl::Uuid& uuid,
                                          const hvctl::DomainLimits& limits) override;
    hvctl::Result<void> destroy_domain(DomainId domain) override;
    hvctl::Result<void> set_uuid(DomainId domain, const hvctl::Uuid& uuid) override;
    hvctl::Result<void> pause_domain(DomainId domain) override;
    hvctl::Result<void> unpause_domain(DomainId domain) override;
    hvctl::Result<void> set_max_memory(DomainId domain, std::uint64_t frames) override;
    hvctl::Result<void> set_claim(DomainId domain, std::uint64_t frames) override;
    hvctl::Result<abi::GetVcpuInfo> vcpu_info(DomainId domain, VcpuId vcpu) override;
    hvctl::Result<hvctl::VcpuCpus> vcpu_affinity(DomainId domain, VcpuId vcpu, std::uint32_t cpus) override;
    hvctl::Result<void> set_vcpu_affinity(DomainId domain, VcpuId vcpu, const hvctl::VcpuCpus& cpus) override;
    hvctl::Result<abi::SchedParameters> sched_parameters(DomainId domain) override;
    hvctl::Result<void> set_sched_parameters(const abi::SchedParameters& parameters) override;
    hvctl::Result<hvctl::KernelImage> load_kernel(const std::string& path) override;
    hvctl::Result<void> check_build(const hvctl::KernelImage& kernel, const hvctl::PvSpec& spec) override;
    hvctl::Result<hvctl::PvDomain> build(const hvctl::KernelImage& kernel, const hvctl::PvSpec& spec,
                                         const hvctl::BuildProgress& progress, const std::stop_token& cancel) override;
    hvctl::Result<hvctl::CoreContents> collect_core(DomainId domain, const std::string& file_name,
                                                    const std::stop_token& cancel) override;
    hvctl::Result<std::uint64_t> write_core(DomainId domain, const hvctl::CoreContents& contents, int fd,
                                            const hvctl::CoreProgress& progress,
                                            const std::stop_token& cancel) override;
    hvctl::Result<SharedPage> map_page(DomainId domain, Mfn frame) override;
    hvctl::Result<LocalStore> open_local_store() override;
    hvctl::Result<EventPort> bind_interdomain(DomainId remote, EventPort remote_port) override;
    hvctl::Result<EventPort> bind_domain_exception() override;
    hvctl::Result<void> unbind(EventPort port) override;
    hvctl::Result<void> notify(EventPort port) override;
    int event_fd() override { return events_.fd(); }
    hvctl::Result<std::optional<EventPort>> next_event() override;
    hvctl::Result<void> unmask(EventPort port) override;
    hvctl::Result<void> reset_events() override;

  private:
    HvHypervisor(std::unique_ptr<hvctl::HypercallPort> port, hvctl::EventChannels events, hvctl::ForeignMemory memory,
                 std::string kernel_cache);

    std::unique_ptr<hvctl::HypercallPort> port_;
    hvctl::Control control_;
    hvctl::XenCalls xen_;
    hvctl::EventChannels events_;
    hvctl::ForeignMemory memory_;
    std::string kernel_cache_;
};

}  // namespace hvctld
