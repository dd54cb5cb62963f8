// What the bus sees of the daemon: all domains of the host and everything that is done with them, in one place. A
// facade that decides nothing itself; each call is one of a part's. Knows no bus: bus/ calls it, and hears of changes
// through the on_... hooks. Everything runs on the loop's thread unless a job's phase says otherwise.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "domain/context.hpp"
#include "domain/core_dumps.hpp"
#include "domain/definitions.hpp"
#include "domain/disk_changes.hpp"
#include "domain/disk_limiter.hpp"
#include "domain/domains.hpp"
#include "domain/ends.hpp"
#include "domain/host_end.hpp"
#include "domain/metering.hpp"
#include "domain/nic_changes.hpp"
#include "domain/pool_changes.hpp"
#include "domain/recovery.hpp"
#include "domain/renames.hpp"
#include "domain/requests.hpp"
#include "domain/resources.hpp"
#include "domain/space_keeper.hpp"
#include "domain/starts.hpp"
#include "domain/tear_down.hpp"
#include "domain/vcpus.hpp"
#include "domain/volumes.hpp"
#include "domain/work.hpp"

namespace hvctld {

class Manager {
  public:
    Manager(Loop& loop, Hypervisor& hypervisor, std::shared_ptr<BlockHost> blocks, std::shared_ptr<NetworkHost> network,
            std::shared_ptr<StorageHost> storage, store::Store& store, Registry& registry, config::Settings settings,
            ManagerPaths paths);
    Manager(const Manager&) = delete;
    Manager& operator=(const Manager&) = delete;

    // Takes up what the previous process left: domains that run are served again, half-built ones are destroyed, jobs
    // go on or end. The store must have been opened from its journal. To be called once, before anything else.
    Result<void> recover();
    // Once per boot of the host: creates every domain with autostart that does not run, from the files of `folder` and
    // from the registry. While the registry cannot be written they wait, and the boot's autostart is not over.
    void autostart(const std::string& folder);

    // Checks a definition as create() would. Against the host its files are read and checked, too, in the thread pool:
    // `answer` comes later then, at once otherwise and after an error; never when the Manager has gone.
    void validate(const std::string& text, const std::string& source, std::span<const std::string> overrides,
                  bool against_host, const Definitions::ValidationAnswer& answer) {
        definitions_.validate(text, source, overrides, against_host, answer);
    }
    Result<JobId> create(const std::string& text, const std::string& source, std::span<const std::string> overrides,
                         const CreateOptions& options) {
        return definitions_.create(text, source, overrides, options);
    }
    // Starts a stopped domain from the definition that is remembered; one that is being ended when it has ended.
    Result<JobId> start(const std::string& domain, bool paused) { return starts_.start(domain, {paused, false}); }
    // Ends a start that is under way or about to be, too; joins an end that is.
    Result<JobId> shutdown(const std::string& domain, std::uint32_t timeout_seconds) {
        return requests_.shutdown(domain, timeout_seconds);
    }
    Result<JobId> reboot(const std::string& domain, std::uint32_t timeout_seconds) {
        return requests_.reboot(domain, timeout_seconds);
    }
    // Ends whatever is under way first. Needs no record: works when the registry cannot be written.
    Result<JobId> destroy(const std::string& domain) { return requests_.destroy(domain); }
    // For the host's own end: asks every guest to shut down, destroys those that have not stopped after
    // `timeout_seconds` (nothing: as the host's settings say), and starts nothing meanwhile, whatever a definition's
    // on_... says.
    Result<JobId> stop_all(std::optional<std::uint32_t> timeout_seconds) { return host_end_.begin(timeout_seconds); }
    Result<void> send_sysrq(const std::string& domain, const std::string& letter) {
        return requests_.send_sysrq(domain, letter);
    }
    Result<void> rename(const std::string& domain, const std::string& name) { return renames_.rename(domain, name); }
    // Forgets the definition of a domain that does not run; its console log stays on disk.
    Result<void> forget(const std::string& domain) { return definitions_.forget(domain); }
    Result<void> pause(const std::string& domain) { return vcpus_.pause(domain); }
    Result<void> unpause(const std::string& domain) { return vcpus_.unpause(domain); }

    Result<std::vector<DomainView>> list() { return domains_.list(); }
    Result<DomainView> get(const std::string& domain) { return domains_.get(domain); }
    Result<DefinitionView> definition(const std::string& domain) { return definitions_.view(domain); }
    Result<std::vector<VcpuView>> vcpus(const std::string& domain) { return vcpus_.list(domain); }
    // `vcpu` nothing: all. An empty list leaves that affinity as it is.
    Result<void> pin(const std::string& domain, std::optional<std::uint32_t> vcpu, const std::string& hard,
                     const std::string& soft) {
        return vcpus_.pin(domain, vcpu, hard, soft);
    }
    // Its share of the host: see resources.hpp.
    Result<void> set_vcpus(const std::string& domain, std::uint32_t count) {
        return resources_.set_vcpus(domain, count);
    }
    Result<void> set_memory(const std::string& domain, std::uint64_t bytes) {
        return resources_.set_memory(domain, bytes);
    }
    Result<bool> set_max_memory(const std::string& domain, std::uint64_t bytes) {
        return resources_.set_max_memory(domain, bytes);
    }
    Result<void> set_shares(const std::string& domain, const std::string& change) {
        return resources_.set_shares(domain, change);
    }
    Result<void> set_disk_limits(const std::string& domain, const std::string& change) {
        return resources_.set_disk_limits(domain, change);
    }
    // CPU pools: see pool_changes.hpp.
    [[nodiscard]] PoolChanges& pools() { return pools_; }
    // See volumes.hpp.
    [[nodiscard]] Volumes& volumes() { return volumes_; }
    // See core_dumps.hpp.
    Result<std::pair<JobId, std::string>> dump_core(const std::string& domain, const std::string& path,
                                                    const CoreDumpOptions& options) {
        return core_dumps_.dump(domain, path, options);
    }
    // Disks of a guest that runs: see disk_changes.hpp.
    Result<JobId> attach_disk(const std::string& domain, const std::string& disk) {
        return disk_changes_.attach(domain, disk);
    }
    Result<JobId> detach_disk(const std::string& domain, const std::string& target, bool force) {
        return disk_changes_.detach(domain, target, force);
    }
    Result<JobId> resize_disk(const std::string& domain, const std::string& target, std::uint64_t bytes) {
        return disk_changes_.resize(domain, target, bytes);
    }
    Result<std::vector<DiskView>> disks(const std::string& domain) { return disk_changes_.list(domain); }
    // Its network interfaces: see nic_changes.hpp.
    Result<JobId> attach_nic(const std::string& domain, const std::string& nic) {
        return nic_changes_.attach(domain, nic);
    }
    Result<JobId> detach_nic(const std::string& domain, const std::string& which, bool force) {
        return nic_changes_.detach(domain, which, force);
    }
    Result<JobId> change_nic(const std::string& domain, const std::string& which, const std::string& change) {
        return nic_changes_.change(domain, which, change);
    }
    // See Nics::restore().
    void restore_network(const std::string& name) {
        context_.network->touched(name);
        for (const Domain* domain : domains_.all()) domain->nics->restore(name);
    }
    Result<std::vector<NicView>> nics(const std::string& domain) { return nic_changes_.list(domain); }
    void check_nic(const std::string& domain, const std::string& which,
                   const std::function<void(const Result<NicCheck>&)>& done) {
        nic_changes_.check(domain, which, done);
    }
    // What domains use of the host now, and have had of it: see metering.hpp.
    Result<HostUsage> usage() { return metering_.usage(); }
    void guarantees(const std::string& domain, std::uint64_t since_us, std::uint64_t hours,
                    const Ledger::Answer& answer) {
        metering_.guarantees(domain, since_us, hours, answer);
    }
    // `done` hears of it when the log's disk has answered, or has not for long (Console::kAnswerMs).
    using Opened = std::function<void(const Result<UniqueFd>&)>;
    void open_console(const std::string& domain, ConsoleMode mode, std::uint64_t history, const Opened& done);
    void open_console_log(const std::string& domain, const Opened& done);

    [[nodiscard]] JobQueue& jobs() { return context_.jobs; }
    [[nodiscard]] Hypervisor& hypervisor() { return context_.hypervisor; }
    // A round trip through hv. The registry is not asked: a full disk is no reason to end the daemon.
    Result<void> health();
    // Why the registry's file takes nothing, and what to do; empty when it does.
    [[nodiscard]] std::string registry_trouble() const;

    std::function<void(const DomainView&)> on_domain_changed;
    // The domain is not listed any more.
    std::function<void(const std::string& name, const std::string& uuid)> on_domain_forgotten;
    std::function<void()> on_registry_trouble;  // it has begun, changed or ended

  private:
    void at_rest(Domain& domain);
    // With the domain's name.
    Result<std::pair<std::string, Console*>> console_named(const std::string& text);

    Context context_;
    Domains domains_{context_};
    Metering metering_{context_, domains_};
    Work work_{context_, domains_};
    TearDown tear_down_{context_, domains_};
    Starts starts_{context_, domains_, work_, tear_down_};
    Definitions definitions_{context_, domains_, work_, starts_};
    CoreDumps core_dumps_{context_, domains_, work_, tear_down_};
    KeptRuns kept_runs_{context_, domains_, tear_down_};
    Ends ends_{context_, domains_, work_, tear_down_, starts_, core_dumps_, kept_runs_};
    Requests requests_{context_, domains_, work_, tear_down_, ends_};
    HostEnd host_end_{context_, domains_, work_, requests_};
    Renames renames_{context_, domains_, work_};
    Vcpus vcpus_{context_, domains_, work_};
    DiskLimiter disk_limiter_{context_, domains_};
    SpaceKeeper space_keeper_{context_, domains_, work_};
    Resources resources_{context_, domains_, work_, disk_limiter_};
    PoolChanges pools_{context_, domains_, work_};
    DiskChanges disk_changes_{context_, domains_, work_};
    NicChanges nic_changes_{context_, domains_, work_, metering_};
    Volumes volumes_{context_, domains_, disk_changes_};
    Recovery recovery_{context_,
                       {domains_, definitions_, work_, tear_down_, starts_, requests_, ends_, host_end_, core_dumps_,
                        kept_runs_, renames_, pools_}};
};

}  // namespace hvctld
