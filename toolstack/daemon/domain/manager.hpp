// All domains of the host and everything that is done with them. Knows no bus: bus/ calls it, and hears of changes
// through the on_... hooks. Everything runs on the loop's thread unless a job's phase says otherwise.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/loop.hpp"
#include "config/parser.hpp"
#include "config/settings.hpp"
#include "domain/check_definition.hpp"
#include "domain/domain.hpp"
#include "domain/job_queue.hpp"
#include "domain/pool_lane.hpp"
#include "hypervisor/event_hub.hpp"
#include "hypervisor/hypervisor.hpp"
#include "registry/registry.hpp"
#include "registry/retry.hpp"
#include "store/store.hpp"

namespace hvctld {

struct ManagerPaths {
    ConsolePaths console;
    std::string boot_id;  // tells one boot of the host from another
};

struct CreateOptions {
    bool paused = false;
    bool ephemeral = false;
    bool patient = false;  // nobody waits: a registry that cannot be written is waited for as long as it takes
};

struct DefinitionView {
    std::string definition;           // normalised JSON
    std::vector<Revision> revisions;  // that have made the domain run, newest first
};

struct VcpuView {
    std::uint32_t vcpu = 0;
    std::uint32_t cpu = 0;
    std::string state;
    bool online = false;
    std::uint64_t cpu_time = 0;
    std::uint64_t steal_time = 0;
    std::string hard_affinity;
    std::string soft_affinity;
};

class Manager {
  public:
    Manager(Loop& loop, Hypervisor& hypervisor, store::Store& store, Registry& registry, config::Settings settings,
            ManagerPaths paths);
    ~Manager();

    // Takes up what the previous process left: domains that run are served again, half-built ones are destroyed, jobs
    // go on or end. The store must have been opened from its journal. To be called once, before anything else.
    Result<void> recover();
    // Once per boot of the host: creates every domain with autostart that does not run, from the files of `folder` and
    // from the registry. While the registry cannot be written they wait, and the boot's autostart is not over.
    void autostart(const std::string& folder);

    // Checks a definition as create() would. Against the host its files are read and checked, too, in the thread pool:
    // `answer` comes later then, at once otherwise and after an error; never when the Manager has gone.
    using ValidationAnswer = std::function<void(const Result<Validation>&)>;
    void validate(const std::string& text, const std::string& source, std::span<const std::string> overrides,
                  bool against_host, const ValidationAnswer& answer);
    Result<JobId> create(const std::string& text, const std::string& source, std::span<const std::string> overrides,
                         const CreateOptions& options);
    // Starts a stopped domain from the definition that is remembered.
    Result<JobId> start(const std::string& domain, bool paused, bool patient = false);
    // Ends a start that is under way or about to be, too; joins an end that is.
    Result<JobId> shutdown(const std::string& domain, std::uint32_t timeout_seconds);
    Result<JobId> reboot(const std::string& domain, std::uint32_t timeout_seconds);
    // Ends whatever is under way first. Needs no record: works when the registry cannot be written.
    Result<JobId> destroy(const std::string& domain);
    // For the host's own end: asks every guest to shut down, destroys those that have not stopped after
    // `timeout_seconds` (nothing: as the host's settings say), and starts nothing meanwhile, whatever a definition's
    // on_... says.
    Result<JobId> stop_all(std::optional<std::uint32_t> timeout_seconds);
    // Forgets the definition of a domain that does not run; its console log stays on disk.
    Result<void> forget(const std::string& domain);
    Result<void> pause(const std::string& domain);
    Result<void> unpause(const std::string& domain);

    Result<std::vector<DomainView>> list();
    Result<DomainView> get(const std::string& domain);
    Result<DefinitionView> definition(const std::string& domain);
    Result<std::vector<VcpuView>> vcpus(const std::string& domain);
    // `vcpu` nothing: all. An empty list leaves that affinity as it is.
    Result<void> pin(const std::string& domain, std::optional<std::uint32_t> vcpu, const std::string& hard,
                     const std::string& soft);
    // `done` hears of it when the log's disk has answered, or has not for long (Console::kAnswerMs).
    using Opened = std::function<void(const Result<UniqueFd>&)>;
    void open_console(const std::string& domain, ConsoleMode mode, std::uint64_t history, const Opened& done);
    void open_console_log(const std::string& domain, const Opened& done);

    [[nodiscard]] JobQueue& jobs() { return jobs_; }
    [[nodiscard]] Hypervisor& hypervisor() { return hypervisor_; }
    // A round trip through hv. The registry is not asked: a full disk is no reason to end the daemon.
    Result<void> health();
    // Why the registry's file takes nothing, and what to do; empty when it does.
    [[nodiscard]] std::string registry_trouble() const;

    std::function<void(const DomainView&)> on_domain_changed;
    // The domain is not listed any more.
    std::function<void(const std::string& name, const std::string& uuid)> on_domain_forgotten;
    std::function<void()> on_registry_trouble;  // it has begun, changed or ended

  private:
    struct Build;
    struct StopAll;

    // finding (manager.cpp)
    Result<Domain*> find(const std::string& text);
    Result<Domain*> find_running(const std::string& text);
    [[nodiscard]] Result<void> require_idle(const Domain& domain);
    [[nodiscard]] Result<void> require_whole(const Domain& domain);
    DomainView view(const Domain& domain, const abi::DomainInfo* info) const;
    void changed(Domain& domain);
    void save(Domain& domain);

    // jobs (taking_over.cpp)
    Job& begin_job(Domain& domain, std::string verb, std::uint32_t deadline_seconds, bool paused);
    JobQueue::Finished job_finished(const std::string& name);
    // Calls off what works on the domain, so that another job may have it; that one waits for what is undone first.
    void take_over(Domain& domain, const std::string& why);
    [[nodiscard]] Phase unwinding_phase(Domain& domain);
    void at_rest(Domain& domain);
    void let_go(Domain& domain);
    void fall_back(Domain& domain);

    // what starts a guest must be remembered (remembering.cpp)
    [[nodiscard]] Result<void> require_registry();
    [[nodiscard]] Step remembered(bool patient);

    // creating (create.cpp, start.cpp)
    Result<void> check_host(const config::DomainDefinition& definition);
    Result<Domain*> draft(config::DomainDefinition definition, const std::string& source, bool ephemeral);
    JobId begin_start(Domain& domain, const std::string& verb, bool paused, bool patient);
    Result<Console*> console_of(Domain& domain);
    // With the domain's name.
    Result<std::pair<std::string, Console*>> console_named(const std::string& text);
    // `patient`: nobody waits for the job, so it waits for a registry that cannot be written as long as it takes.
    void add_start_phases(Job& job, Domain& domain, bool paused, bool patient);
    Result<void> create_in_hv(Domain& domain, Build& build);
    Step undo_build(Domain& domain);
    void started(Domain& domain);
    Result<void> build_in_pool(Job& job, Build& build);
    Result<void> apply_scheduling(const Domain& domain, std::uint32_t cpus);
    Result<void> connect_store(Domain& domain, bool introduced);

    // ending (stop.cpp, ended.cpp)
    // Afterwards the domain is stopped, for `reason` unless that is empty; `last` when nothing follows.
    void add_stop_phases(Job& job, Domain& domain, const std::string& reason, bool last);
    void disconnect(Domain& domain);
    Step free_step(Domain& domain);
    void stopped(Domain& domain, const std::string& reason);
    void drop(const std::string& name);
    Result<JobId> ask_guest(const std::string& name, const std::string& request, std::uint32_t timeout_seconds);
    [[nodiscard]] Result<void> require_listening(const Domain& domain);
    [[nodiscard]] Phase ask_what_is_left(Domain& domain);
    // `ask` false: the request was made before a restart, only wait.
    void add_ask_phases(Job& job, Domain& domain, const std::string& request, bool ask);
    void scan_for_ended();
    [[nodiscard]] config::EndAction action_for(const Domain& domain, EndReason reason) const;
    void domain_ended(Domain& domain, EndReason reason);
    void act_on_end(Domain& domain, EndReason reason);
    [[nodiscard]] bool starts_later(Domain& domain, const JobRecord& job);
    void add_end_phases(Job& job, Domain& domain, EndReason reason, bool asked);
    std::uint64_t restart_delay_ms(Domain& domain, EndReason reason);

    // the host's end (stop_all.cpp)
    [[nodiscard]] Result<void> require_host_stays();
    [[nodiscard]] static bool starts_guest(const std::string& verb);
    [[nodiscard]] static bool stops_all(const JobRecord& record);
    void begin_stop_all(Job& job);
    void resume_stop_all(JobRecord record);
    void look_at_all(Job& job, const std::shared_ptr<StopAll>& state, std::uint64_t patient_until, const Done& done);
    void push_towards_end(Domain& domain, StopAll& state, std::uint64_t left_us);

    // vCPUs (vcpus.cpp): also Dom0's; the domain and how many it has
    Result<std::pair<DomainId, std::uint32_t>> vcpus_of(const std::string& text);

    // recovery (recover.cpp)
    Result<void> connect_host_store();
    Result<void> load_domains(bool same_boot);
    void match_domains(const std::vector<abi::DomainInfo>& infos);
    void forget_ghosts(const std::vector<abi::DomainInfo>& infos);
    void serve_again(Domain& domain, const abi::DomainInfo& info);
    Result<void> adopt(Domain& domain);
    void recover_jobs(bool same_boot);
    void recover_job(Domain& domain, JobRecord record);
    void give_up_job(JobRecord record);
    void clean_up_leftovers();

    // domains that the registry does not know (adoption.cpp)
    void adopt_unknown(const abi::DomainInfo& info);
    [[nodiscard]] bool describe_from_store(Domain& domain, const abi::DomainInfo& info);

    Loop& loop_;
    Hypervisor& hypervisor_;
    store::Store& store_;
    Registry& registry_;
    config::Settings settings_;
    ManagerPaths paths_;
    EventHub events_;
    DiskThread console_disk_;  // of all consoles' logs
    RegistryRetry retry_;
    JobQueue jobs_;
    JobId stop_all_job_ = 0;  // ends all guests; 0: none does
    PoolLane looks_;
    PoolLane builds_;
    PoolLane checks_;
    std::map<std::string, std::unique_ptr<Domain>, std::less<>> domains_;
    BoundPort exceptions_;
    BoundPort host_store_;
    std::vector<std::unique_ptr<Console>> leaving_consoles_;  // of forgotten domains, until their clients have read all
    std::shared_ptr<Manager*> alive_;
};

}  // namespace hvctld
