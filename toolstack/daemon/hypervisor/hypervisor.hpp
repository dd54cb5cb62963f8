// The seam between the daemon and hv: what the daemon asks of it, in libhvctl's words. The product has one
// implementation (hv_hypervisor.hpp); tests have another, in memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/errors.hpp"
#include "hvctl/control.hpp"
#include "hvctl/core_dump.hpp"
#include "hvctl/event_channels.hpp"
#include "hvctl/kernel_image.hpp"
#include "hvctl/pv_builder.hpp"
#include "hvctl/types.hpp"

namespace hvctld {

using hvctl::DomainId;
using hvctl::EventPort;
using hvctl::Mfn;
using hvctl::VcpuId;
namespace abi = hvctl::abi;

// One page of another domain, mapped for as long as `keep_alive` lives. The domain that owns it is not trusted.
struct SharedPage {
    std::byte* data = nullptr;
    std::shared_ptr<void> keep_alive;
};

struct LocalStore {
    SharedPage page;
    EventPort port;  // Dom0's kernel's
};

// Calls may be made from any thread unless they say otherwise. Errors are libhvctl's: their context is added by
// callers.
class Hypervisor {
  public:
    virtual ~Hypervisor() = default;

    // host
    virtual hvctl::Result<hvctl::HvVersion> version() = 0;
    virtual hvctl::Result<abi::GetHostInfo> host_info() = 0;
    virtual hvctl::Result<std::string> read_text(abi::Text which) = 0;
    virtual hvctl::Result<std::vector<hvctl::PerfCounter>> perf_counters() = 0;
    virtual hvctl::Result<hvctl::ConsoleText> read_console(std::uint64_t position, std::size_t capacity,
                                                           bool clear) = 0;
    virtual hvctl::Result<void> send_debug_keys(std::string_view keys) = 0;

    // domains
    virtual hvctl::Result<std::vector<abi::DomainInfo>> list_domains() = 0;
    virtual hvctl::Result<abi::DomainInfo> domain(DomainId domain) = 0;
    virtual hvctl::Result<DomainId> create_domain(abi::DomainType type, const hvctl::Uuid& uuid,
                                                  const hvctl::DomainLimits& limits) = 0;
    virtual hvctl::Result<void> destroy_domain(DomainId domain) = 0;  // one round, see Control::destroy_domain()
    // Of a domain that has shut down.
    virtual hvctl::Result<void> set_uuid(DomainId domain, const hvctl::Uuid& uuid) = 0;
    virtual hvctl::Result<void> pause_domain(DomainId domain) = 0;
    virtual hvctl::Result<void> unpause_domain(DomainId domain) = 0;
    virtual hvctl::Result<void> set_max_memory(DomainId domain, std::uint64_t frames) = 0;
    virtual hvctl::Result<void> set_claim(DomainId domain, std::uint64_t frames) = 0;
    virtual hvctl::Result<abi::GetVcpuInfo> vcpu_info(DomainId domain, VcpuId vcpu) = 0;
    virtual hvctl::Result<hvctl::VcpuCpus> vcpu_affinity(DomainId domain, VcpuId vcpu, std::uint32_t cpus) = 0;
    virtual hvctl::Result<void> set_vcpu_affinity(DomainId domain, VcpuId vcpu, const hvctl::VcpuCpus& cpus) = 0;
    virtual hvctl::Result<abi::SchedParameters> sched_parameters(DomainId domain) = 0;
    virtual hvctl::Result<void> set_sched_parameters(const abi::SchedParameters& parameters) = 0;

    // building; these take long and belong in the thread pool
    virtual hvctl::Result<hvctl::KernelImage> load_kernel(const std::string& path) = 0;
    // Whether build() would find the kernel, the initrd and the size fit for each other; asks nothing of hv.
    virtual hvctl::Result<void> check_build(const hvctl::KernelImage& kernel, const hvctl::PvSpec& spec) = 0;
    virtual hvctl::Result<hvctl::PvDomain> build(const hvctl::KernelImage& kernel, const hvctl::PvSpec& spec,
                                                 const hvctl::BuildProgress& progress,
                                                 const std::stop_token& cancel) = 0;

    // a guest's memory and registers for a file, see core_dump.hpp; these take long, in a thread of their own
    virtual hvctl::Result<hvctl::CoreContents> collect_core(DomainId domain, const std::string& file_name,
                                                            const std::stop_token& cancel) = 0;
    virtual hvctl::Result<std::uint64_t> write_core(DomainId domain, const hvctl::CoreContents& contents, int fd,
                                                    const hvctl::CoreProgress& progress,
                                                    const std::stop_token& cancel) = 0;

    // rings and events; on the loop's thread only
    virtual hvctl::Result<SharedPage> map_page(DomainId domain, Mfn frame) = 0;
    virtual hvctl::Result<LocalStore> open_local_store() = 0;
    virtual hvctl::Result<EventPort> bind_interdomain(DomainId remote, EventPort remote_port) = 0;
    virtual hvctl::Result<EventPort> bind_domain_exception() = 0;  // VIRQ_DOM_EXC
    virtual hvctl::Result<void> unbind(EventPort port) = 0;
    virtual hvctl::Result<void> notify(EventPort port) = 0;
    virtual int event_fd() = 0;  // readable when a port has fired
    virtual hvctl::Result<std::optional<EventPort>> next_event() = 0;
    virtual hvctl::Result<void> unmask(EventPort port) = 0;
    virtual hvctl::Result<void> reset_events() = 0;
};

}  // namespace hvctld
