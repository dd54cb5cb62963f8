#include "fake_hypervisor.hpp"

#include <fmt/format.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <fstream>

#include "hvctl/try.hpp"

namespace hvctld::test {
namespace {

using Guard = std::lock_guard<std::recursive_mutex>;

}  // namespace

FakeHypervisor::FakeHypervisor(const std::string& file)
    : file_{file.empty() ? nullptr : std::make_unique<FakeMachineFile>(file)},
      local_store_{fresh_page(file_ ? &(*file_)->local_store : nullptr)},
      event_fd_{eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)} {
    if (file_) load();
    FakeDomain& dom0 = domains[0];
    dom0.info.flags = abi::kDomainPrivileged | abi::kDomainRunning;
    dom0.info.frames = dom0.info.max_frames = 1ull << 18;
    dom0.info.vcpus_online = dom0.info.max_vcpus = 2;
}

FakeHypervisor::~FakeHypervisor() {
    close(event_fd_);
}

hvctl::Result<void> FakeHypervisor::check(const char* call) {
    if (fail_at) return fail_at(call);
    return {};
}

hvctl::Result<FakeDomain*> FakeHypervisor::need(DomainId domain) {
    const auto found = domains.find(domain.raw);
    if (found == domains.end()) return hvctl::fail(hvctl::ErrorCode::NotFound, "no such domain");
    return &found->second;
}

void FakeHypervisor::print(std::uint16_t domid, const std::string& text) {
    const Guard guard{mutex_};
    FakeDomain& domain = domains.at(domid);
    ConsoleRingPage& page = domain.console_page();
    for (const char c : text) {
        if (page.output_producer - page.output_consumer == kConsoleOutputSize) break;
        page.output[page.output_producer++ & (kConsoleOutputSize - 1)] = c;
    }
    signal(domid, domain.rings.console_port);
}

void FakeHypervisor::stop(std::uint16_t domid, abi::ShutdownReason reason) {
    const Guard guard{mutex_};
    abi::DomainInfo& info = domains.at(domid).info;
    info.flags = (info.flags & ~(abi::kDomainRunning | abi::kDomainBlocked)) | abi::kDomainShutdown;
    info.shutdown_reason = static_cast<std::uint32_t>(reason);
    keep(domains.at(domid));
    raise_exception();
}

void FakeHypervisor::raise_exception() {
    if (exception_port_.raw != 0) fire(exception_port_);
}

void FakeHypervisor::signal(std::uint16_t domid, hvctl::EventPort guest_port) {
    const Guard guard{mutex_};
    for (const auto& [local, binding] : ports_) {
        if (binding.domid == domid && binding.remote == guest_port) return fire(local);
    }
}

void FakeHypervisor::fire(EventPort local) {
    if (masked_.contains(local)) {
        waiting_.insert(local);
        return;
    }
    masked_.insert(local);
    fired_.push_back(local);
    const std::uint64_t one = 1;
    (void)!write(event_fd_, &one, sizeof one);
}

void FakeHypervisor::forget_bindings() {
    const Guard guard{mutex_};
    ports_.clear();
    fired_.clear();
    masked_.clear();
    waiting_.clear();
    exception_port_ = {};
    for (auto& [id, domain] : domains) domain.mappings = std::make_shared<int>();
}

hvctl::Result<hvctl::HvVersion> FakeHypervisor::version() {
    TRY(check("version"));
    return hvctl::HvVersion{1, "hv", "0.1.0"};
}

hvctl::Result<abi::GetHostInfo> FakeHypervisor::host_info() {
    TRY(check("host_info"));
    const Guard guard{mutex_};
    abi::GetHostInfo host{};
    host.features = abi::kHostPv | abi::kHostTscStable;
    host.total_frames = kFakeFrames;
    std::uint64_t used = 2000;
    for (const auto& [id, domain] : domains) {
        used += domain.info.frames;
        host.claimed_frames += domain.claim > domain.info.frames ? domain.claim - domain.info.frames : 0;
    }
    host.free_frames = kFakeFrames - used;
    host.hv_frames = 2000;
    host.tsc_khz = 2000000;
    host.cpus_online = host.cpus_present = kFakeCpus;
    host.threads_per_core = host.cores_per_socket = host.sockets = host.nodes = 1;
    host.cores_per_socket = kFakeCpus;
    host.domains = static_cast<std::uint32_t>(domains.size());
    host.max_domains = 1000;
    host.max_vcpus = 64;
    host.system_time = 1'000'000'000;
    std::strcpy(host.cpu_vendor, "FakeVendor");
    std::strcpy(host.cpu_model, "Fake CPU of the tests");
    return host;
}

hvctl::Result<std::string> FakeHypervisor::read_text(abi::Text which) {
    return fmt::format("text {}", static_cast<unsigned>(which));
}

hvctl::Result<std::vector<hvctl::PerfCounter>> FakeHypervisor::perf_counters() {
    return std::vector<hvctl::PerfCounter>{{"hypercall.mmu_update", 7}, {"trap.page_fault", 11}};
}

hvctl::Result<hvctl::ConsoleText> FakeHypervisor::read_console(std::uint64_t position, std::size_t capacity,
                                                               bool clear) {
    const std::uint64_t from = std::min<std::uint64_t>(position, log.size());
    hvctl::ConsoleText text{log.substr(from, capacity), from, 0};
    text.next = from + text.text.size();
    if (clear) log.clear();
    return text;
}

hvctl::Result<void> FakeHypervisor::send_debug_keys(std::string_view text) {
    keys += text;
    return {};
}

hvctl::Result<std::vector<abi::DomainInfo>> FakeHypervisor::list_domains() {
    const Guard guard{mutex_};
    std::vector<abi::DomainInfo> infos;
    for (const auto& [id, domain] : domains) infos.push_back(domain.info);
    return infos;
}

hvctl::Result<abi::DomainInfo> FakeHypervisor::domain(DomainId id) {
    const Guard guard{mutex_};
    return TRY(need(id))->info;
}

hvctl::Result<DomainId> FakeHypervisor::create_domain(abi::DomainType type, const hvctl::Uuid& uuid,
                                                      const hvctl::DomainLimits& limits) {
    TRY(check("create_domain"));
    // As hv has it today.
    if (type != abi::DomainType::Pv) return std::unexpected(hvctl::Error{hvctl::ErrorCode::NotSupported, {}});
    const Guard guard{mutex_};
    const std::uint16_t id = next_domid_++;
    FakeDomain& domain = domains[id];
    domain.info.domain = id;
    domain.info.flags = abi::kDomainPaused | abi::kDomainUnstarted;
    std::ranges::copy(uuid, domain.info.uuid);
    domain.info.max_frames = limits.max_frames;
    domain.info.max_vcpus = limits.max_vcpus;
    domain.info.vcpus_online = 1;
    domain.info.hv_bytes = 65536;
    if (file_) {
        (*file_)->domains_made = id;
        domain.slot = file_->free_slot();
        keep(domain);
    }
    return DomainId{id};
}

hvctl::Result<void> FakeHypervisor::destroy_domain(DomainId id) {
    TRY(check("destroy_domain"));
    const Guard guard{mutex_};
    FakeDomain* domain = TRY(need(id));
    domain->info.flags |= abi::kDomainDying;
    keep(*domain);
    const bool held = domain->mappings.use_count() > 1;
    if (held || destroy_retries > 0) {
        if (!held) --destroy_retries;
        return hvctl::fail(hvctl::ErrorCode::TryAgain, "frames are still referenced");
    }
    if (domain->slot != nullptr) domain->slot->there = 0;
    domains.erase(id.raw);
    raise_exception();
    return {};
}

hvctl::Result<void> FakeHypervisor::set_uuid(DomainId id, const hvctl::Uuid& uuid) {
    TRY(check("set_uuid"));
    const Guard guard{mutex_};
    FakeDomain* domain = TRY(need(id));
    if ((domain->info.flags & abi::kDomainShutdown) == 0) return hvctl::fail(hvctl::ErrorCode::Busy, "it runs");
    std::ranges::copy(uuid, domain->info.uuid);
    keep(*domain);
    return {};
}

hvctl::Result<void> FakeHypervisor::pause_domain(DomainId id) {
    TRY(check("pause_domain"));
    const Guard guard{mutex_};
    FakeDomain* domain = TRY(need(id));
    domain->info.flags |= abi::kDomainPaused;
    keep(*domain);
    return {};
}

hvctl::Result<void> FakeHypervisor::unpause_domain(DomainId id) {
    TRY(check("unpause_domain"));
    const Guard guard{mutex_};
    FakeDomain* domain = TRY(need(id));
    const bool first = (domain->info.flags & abi::kDomainUnstarted) != 0;
    domain->info.flags &= ~(abi::kDomainPaused | abi::kDomainUnstarted);
    keep(*domain);
    if (first && on_unpause) on_unpause(*domain);
    return {};
}

hvctl::Result<void> FakeHypervisor::set_claim(DomainId id, std::uint64_t frames) {
    TRY(check("set_claim"));
    const Guard guard{mutex_};
    FakeDomain* domain = TRY(need(id));
    domain->claim = frames;
    keep(*domain);
    return {};
}

hvctl::Result<void> FakeHypervisor::set_max_memory(DomainId id, std::uint64_t frames) {
    TRY(check("set_max_memory"));
    const Guard guard{mutex_};
    FakeDomain* domain = TRY(need(id));
    domain->info.max_frames = frames;
    keep(*domain);
    return {};
}

hvctl::Result<abi::GetVcpuInfo> FakeHypervisor::vcpu_info(DomainId id, VcpuId vcpu) {
    const Guard guard{mutex_};
    (void)TRY(need(id));
    abi::GetVcpuInfo info{};
    info.domain = id.raw;
    info.vcpu = vcpu.raw;
    info.online = vcpu.raw == 0 ? 1 : 0;
    info.state = static_cast<std::uint32_t>(vcpu.raw == 0 ? abi::RunState::Blocked : abi::RunState::Offline);
    info.cpu = vcpu.raw % kFakeCpus;
    info.state_time_ns[0] = 123456789;
    return info;
}

hvctl::Result<hvctl::VcpuCpus> FakeHypervisor::vcpu_affinity(DomainId id, VcpuId vcpu, std::uint32_t) {
    const Guard guard{mutex_};
    FakeDomain* domain = TRY(need(id));
    const auto found = domain->affinity.find(vcpu.raw);
    hvctl::VcpuCpus cpus = found != domain->affinity.end() ? found->second : hvctl::VcpuCpus{};
    if (cpus.hard.empty()) cpus.hard = {0x0f};
    if (cpus.soft.empty()) cpus.soft = {0x0f};
    return cpus;
}

hvctl::Result<void> FakeHypervisor::set_vcpu_affinity(DomainId id, VcpuId vcpu, const hvctl::VcpuCpus& cpus) {
    TRY(check("set_vcpu_affinity"));
    const Guard guard{mutex_};
    hvctl::VcpuCpus& now = TRY(need(id))->affinity[vcpu.raw];
    if (!cpus.hard.empty()) now.hard = cpus.hard;
    if (!cpus.soft.empty()) now.soft = cpus.soft;
    return {};
}

hvctl::Result<abi::SchedParameters> FakeHypervisor::sched_parameters(DomainId id) {
    TRY(check("sched_parameters"));
    const Guard guard{mutex_};
    return TRY(need(id))->sched;
}

hvctl::Result<void> FakeHypervisor::set_sched_parameters(const abi::SchedParameters& parameters) {
    TRY(check("set_sched_parameters"));
    const Guard guard{mutex_};
    TRY(need(DomainId{parameters.domain}))->sched = parameters;
    return {};
}

hvctl::Result<hvctl::KernelImage> FakeHypervisor::load_kernel(const std::string& path) {
    TRY(check("load_kernel"));
    std::ifstream file{path};
    std::string magic(4, '\0');
    file.read(magic.data(), 4);
    if (magic != "KERN") return hvctl::fail(hvctl::ErrorCode::NotAKernel, path + " is not a kernel");
    return hvctl::KernelImage{};
}

hvctl::Result<void> FakeHypervisor::check_build(const hvctl::KernelImage&, const hvctl::PvSpec&) {
    return check("check_build");
}

hvctl::Result<hvctl::PvDomain> FakeHypervisor::build(const hvctl::KernelImage&, const hvctl::PvSpec& spec,
                                                     const hvctl::BuildProgress& progress,
                                                     const std::stop_token& cancel) {
    TRY(check("build"));
    if (build_hook) build_hook();
    progress(hvctl::BuildPhase::Memory, 1, 2);
    if (cancel.stop_requested()) return hvctl::fail(hvctl::ErrorCode::Cancelled, "cancelled");
    const Guard guard{mutex_};
    FakeDomain* domain = TRY(need(spec.domain));
    domain->info.frames = spec.pages;
    domain->cmdline = spec.cmdline;
    domain->console = fresh_page(domain->slot != nullptr ? &domain->slot->console : nullptr);
    domain->store = fresh_page(domain->slot != nullptr ? &domain->slot->store : nullptr);
    domain->rings = {Mfn{next_mfn_}, Mfn{next_mfn_ + 1}, EventPort{2}, EventPort{1}};
    next_mfn_ += 2;
    if (file_) (*file_)->frames_made += 2;
    keep(*domain);
    return hvctl::PvDomain{domain->rings, {}};
}

hvctl::Result<hvctl::CoreContents> FakeHypervisor::collect_core(DomainId id, const std::string& file_name,
                                                                const std::stop_token&) {
    TRY(check("collect_core"));
    const Guard guard{mutex_};
    if ((TRY(need(id))->info.flags & abi::kDomainPaused) == 0)
        return hvctl::fail(hvctl::ErrorCode::Busy, "the domain runs");
    hvctl::CoreContents contents;
    contents.file_name = file_name;
    return contents;
}

hvctl::Result<std::uint64_t> FakeHypervisor::write_core(DomainId id, const hvctl::CoreContents& contents, int fd,
                                                        const hvctl::CoreProgress& progress,
                                                        const std::stop_token& cancel) {
    TRY(check("write_core"));
    if (dump_hook) dump_hook();
    if (cancel.stop_requested()) return hvctl::fail(hvctl::ErrorCode::Cancelled, "cancelled");
    const Guard guard{mutex_};
    const bool paused = (TRY(need(id))->info.flags & abi::kDomainPaused) != 0;
    const std::string text = fmt::format("{} of domain {}, {}", contents.file_name, id.raw, paused ? "paused" : "live");
    if (::write(fd, text.data(), text.size()) != static_cast<ssize_t>(text.size()))
        return hvctl::fail(hvctl::ErrorCode::Io, "cannot write");
    progress(1, 1);
    return std::uint64_t{0};
}

hvctl::Result<SharedPage> FakeHypervisor::map_page(DomainId id, Mfn frame) {
    TRY(check("map_page"));
    const Guard guard{mutex_};
    FakeDomain* domain = TRY(need(id));
    auto page = frame == domain->rings.console ? domain->console
                : frame == domain->rings.store ? domain->store
                                               : nullptr;
    if (!page) return hvctl::fail(hvctl::ErrorCode::InvalidArgument, "no such frame");
    return SharedPage{page->data(), std::make_shared<std::pair<std::shared_ptr<FakePage>, std::shared_ptr<int>>>(
                                        page, domain->mappings)};
}

hvctl::Result<LocalStore> FakeHypervisor::open_local_store() {
    TRY(check("open_local_store"));
    return LocalStore{{local_store_->data(), local_store_}, EventPort{1}};
}

hvctl::Result<EventPort> FakeHypervisor::bind_interdomain(DomainId remote, EventPort remote_port) {
    TRY(check("bind_interdomain"));
    const Guard guard{mutex_};
    const EventPort port{next_port_++};
    ports_[port] = {remote.raw, remote_port};
    return port;
}

hvctl::Result<EventPort> FakeHypervisor::bind_domain_exception() {
    const Guard guard{mutex_};
    exception_port_ = EventPort{next_port_++};
    return exception_port_;
}

hvctl::Result<void> FakeHypervisor::unbind(EventPort port) {
    const Guard guard{mutex_};
    ports_.erase(port);
    if (exception_port_ == port) exception_port_ = {};
    std::erase(fired_, port);
    return {};
}

hvctl::Result<void> FakeHypervisor::notify(EventPort port) {
    const Guard guard{mutex_};
    const auto found = ports_.find(port);
    if (found == ports_.end()) return hvctl::fail(hvctl::ErrorCode::InvalidArgument, "no such port");
    const auto domain = domains.find(found->second.domid);
    if (domain == domains.end() || found->second.domid == 0) return {};
    FakeDomain& guest = domain->second;
    ConsoleRingPage& page = guest.console_page();
    while (page.input_producer - page.input_consumer != 0 &&
           page.input_producer - page.input_consumer <= kConsoleInputSize) {
        guest.typed += page.input[page.input_consumer++ & (kConsoleInputSize - 1)];
    }
    if (on_notify) on_notify(guest);
    return {};
}

hvctl::Result<std::optional<EventPort>> FakeHypervisor::next_event() {
    const Guard guard{mutex_};
    if (fired_.empty()) {
        std::uint64_t count = 0;
        (void)!read(event_fd_, &count, sizeof count);
        return std::nullopt;
    }
    const EventPort port = fired_.front();
    fired_.pop_front();
    return port;
}

hvctl::Result<void> FakeHypervisor::unmask(EventPort port) {
    const Guard guard{mutex_};
    masked_.erase(port);
    if (waiting_.erase(port) != 0) fire(port);
    return {};
}

hvctl::Result<void> FakeHypervisor::reset_events() {
    return {};
}

}  // namespace hvctld::test
