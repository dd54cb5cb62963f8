// Taking up after a restart of the daemon or of the host: the registry says what was, hv says what is. A domain is
// destroyed only if the registry has this very domain as half-made or as one whose end has begun, and by a job.
#pragma once

#include <set>
#include <vector>

#include "domain/context.hpp"
#include "domain/core_dumps.hpp"
#include "domain/definitions.hpp"
#include "domain/domains.hpp"
#include "domain/ends.hpp"
#include "domain/host_end.hpp"
#include "domain/host_store.hpp"
#include "domain/kept_runs.hpp"
#include "domain/pool_changes.hpp"
#include "domain/renames.hpp"
#include "domain/requests.hpp"
#include "domain/starts.hpp"
#include "domain/tear_down.hpp"
#include "domain/work.hpp"

namespace hvctld {

class Recovery {
  public:
    struct Parts {
        Domains& domains;
        Definitions& definitions;
        Work& work;
        TearDown& tear_down;
        Starts& starts;
        Requests& requests;
        Ends& ends;
        HostEnd& host_end;
        CoreDumps& core_dumps;
        KeptRuns& kept_runs;
        Renames& renames;
        PoolChanges& pools;
    };
    Recovery(Context& context, const Parts& parts) : context_{context}, parts_{parts}, host_store_{context} {}

    // Domains that run are served again, half-built ones are destroyed, jobs go on or end. To be called once.
    Result<void> run();

  private:
    // domains (recovery.cpp)
    void give_dom0_its_shares(bool same_boot);
    void load_domains(bool same_boot);
    void match_domains(const std::vector<abi::DomainInfo>& infos);
    void match_others(std::vector<const abi::DomainInfo*>& unknown, const std::set<const Domain*>& there);
    void forget_ghosts(const std::vector<abi::DomainInfo>& infos);
    void serve_again(Domain& domain, const abi::DomainInfo& info);
    void clean_up_leftovers();
    void sweep_seeds_of_the_gone();

    // domains that the registry does not know (adoption.cpp)
    void adopt_unknown(const abi::DomainInfo& info);
    [[nodiscard]] bool describe_from_store(Domain& domain, const abi::DomainInfo& info);

    // jobs (recover_jobs.cpp)
    struct Left;
    struct Resumption;
    static const Resumption& resumption_of(Verb verb);
    void recover_jobs(bool same_boot);
    JobId recover_job(Domain& domain, JobRecord record, const Resumption& row);
    void give_up_job(JobRecord record);
    void go_on_with_start(Job& job, Domain& domain, const Left& left);
    void go_on_with_restart(Job& job, Domain& domain, const Left& left);
    void go_on_with_reboot(Job& job, Domain& domain, const Left& left);
    void go_on_with_shutdown(Job& job, Domain& domain, const Left& left);
    void go_on_with_destroy(Job& job, Domain& domain, const Left& left);
    void go_on_with_dump(Job& job, Domain& domain, const Left& left);
    void go_on_with_clean_up(Job& job, Domain& domain, const Left& left);
    void let_dumped_guest_go(const Domain& domain, const JobRecord& job);

    Context& context_;
    Parts parts_;
    HostStore host_store_;
    std::set<std::uint16_t> undescribed_;  // domains in hv that neither the registry nor the store describes
};

}  // namespace hvctld
