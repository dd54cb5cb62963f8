// A hypervisor in memory: domains are records, their rings are pages of this process, events go through an eventfd.
// With a file its domains and their pages outlive the process.
#pragma once

#include <array>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "console/ring.hpp"
#include "fake_block_host.hpp"
#include "fake_machine_file.hpp"
#include "fake_network_host.hpp"
#include "fake_storage_host.hpp"
#include "hypervisor/hypervisor.hpp"

namespace hvctld::test {

inline constexpr std::uint64_t kFakeFrames = 1ull << 20;  // a host of 4 GiB
inline constexpr std::uint32_t kFakeCpus = 4;

struct FakeDomain {
    abi::DomainInfo info{};
    std::uint64_t claim = 0;
    std::string cmdline;
    std::shared_ptr<FakePage> console;
    std::shared_ptr<FakePage> store;
    FakeSlot* slot = nullptr;                                 // in the file, if there is one
    std::shared_ptr<int> mappings = std::make_shared<int>();  // shared by the living process's mappings of both
    hvctl::PvRings rings;
    std::map<std::uint32_t, hvctl::VcpuCpus> affinity;
    abi::SchedParameters sched{};
    std::string typed;  // what the daemon has put into the console's input ring and the guest has taken

    ConsoleRingPage& console_page() { return *reinterpret_cast<ConsoleRingPage*>(console->data()); }
};

class FakeHypervisor final : public Hypervisor {
  public:
    // Empty: no file.
    explicit FakeHypervisor(const std::string& file = {});
    ~FakeHypervisor() override;

    // Hooks of tests.
    std::function<hvctl::Result<void>(const std::string& call)> fail_at;  // by the function's name
    std::function<void(FakeDomain&)> on_unpause;
    std::function<void(FakeDomain&)> on_notify;  // the daemon has signalled the domain
    int destroy_retries = 0;                     // so often destroy_domain() says TryAgain first
    std::function<void()> build_hook;            // runs in the pool during build()
    std::function<void()> dump_hook;             // runs in its thread during write_core()

    std::map<std::uint16_t, FakeDomain> domains;
    const std::shared_ptr<FakeBlockHost> blocks = std::make_shared<FakeBlockHost>();  // of the same machine
    const std::shared_ptr<FakeNetworkHost> network = std::make_shared<FakeNetworkHost>();
    const std::shared_ptr<FakeStorageHost> storage = std::make_shared<FakeStorageHost>();
    std::string log = "hv: booted\n";
    std::string keys;

    // The guest's side.
    void print(std::uint16_t domid, const std::string& text);  // as much as fits; signals the daemon
    void stop(std::uint16_t domid, abi::ShutdownReason reason);
    void signal(std::uint16_t domid, hvctl::EventPort guest_port);
    // The process was "killed": every binding and mapping is gone, the domains go on.
    void forget_bindings();
    std::size_t bindings() const { return ports_.size(); }

    hvctl::Result<hvctl::HvVersion> version() override;
    hvctl::Result<abi::GetHostInfo> host_info() override;
    hvctl::Result<std::string> read_text(abi::Text which) override;
    hvctl::Result<std::vector<hvctl::PerfCounter>> perf_counters() override;
    hvctl::Result<hvctl::ConsoleText> read_console(std::uint64_t position, std::size_t capacity, bool clear) override;
    hvctl::Result<void> send_debug_keys(std::string_view text) override;
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
    int event_fd() override { return event_fd_; }
    hvctl::Result<std::optional<EventPort>> next_event() override;
    hvctl::Result<void> unmask(EventPort port) override;
    hvctl::Result<void> reset_events() override;

  private:
    struct Binding {
        std::uint16_t domid;
        EventPort remote;
    };

    hvctl::Result<void> check(const char* call);
    hvctl::Result<FakeDomain*> need(DomainId domain);
    void fire(EventPort local);
    void raise_exception();
    void load();
    void keep(FakeDomain& domain);

    mutable std::recursive_mutex mutex_;
    std::uint16_t next_domid_ = 1;
    std::uint64_t next_mfn_ = 1000;
    std::unique_ptr<FakeMachineFile> file_;
    std::uint32_t next_port_ = 10;
    EventPort exception_port_;
    std::map<EventPort, Binding> ports_;
    std::deque<EventPort> fired_;
    std::set<EventPort> masked_;
    std::set<EventPort> waiting_;  // fired while masked
    std::shared_ptr<FakePage> local_store_;
    int event_fd_;
};

}  // namespace hvctld::test
