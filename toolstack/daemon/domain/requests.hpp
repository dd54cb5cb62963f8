// Ending guests because an administrator wants it: shutdown and reboot through the guest, destroy without it.
#pragma once

#include <string>

#include "domain/context.hpp"
#include "domain/domains.hpp"
#include "domain/ends.hpp"
#include "domain/tear_down.hpp"
#include "domain/work.hpp"

namespace hvctld {

class Requests {
  public:
    Requests(Context& context, Domains& domains, Work& work, TearDown& tear_down, Ends& ends)
        : context_{context}, domains_{domains}, work_{work}, tear_down_{tear_down}, ends_{ends} {}

    // Ends a start that is under way or about to be, too; joins an end that is. A guest that has been asked already is
    // asked again: it may not have been able to before. The job that waits for it has the later caller's deadline.
    Result<JobId> shutdown(const std::string& domain, std::uint32_t timeout_seconds);
    Result<JobId> reboot(const std::string& domain, std::uint32_t timeout_seconds);
    // Ends whatever is under way first. Needs no record: works when the registry cannot be written.
    Result<JobId> destroy(const std::string& domain);
    // A letter or digit for the guest's kernel, as a keyboard's SysRq key would give it (sysrq.cpp). Busy while the
    // guest has not taken the one before.
    Result<void> send_sysrq(const std::string& domain, const std::string& letter);

    // Asks the guest for what the job's verb says, waits for it, and does what then is to be done. `ask` false: the
    // request was made before a restart of the daemon, only wait.
    void add_ask_phases(Job& job, Domain& domain, bool ask);
    // A shutdown that has called off a start: the guest runs all the same and is asked, or what there is of it ends.
    [[nodiscard]] Phase ask_what_is_left(Domain& domain);

  private:
    Result<JobId> join(Domain& domain, JobId job);
    void ask_once_more(Domain& domain, JobId job, std::uint32_t timeout_seconds);
    struct Waiting;

    Result<JobId> ask_guest(Domain& domain, Verb verb, std::uint32_t timeout_seconds);
    [[nodiscard]] Result<void> require_listening(const Domain& domain);
    [[nodiscard]] bool has_run(const Domain& domain);
    Result<void> make_request(Job& job, Domain& domain, const std::shared_ptr<Waiting>& waiting, bool ask);
    void stop_waiting(Domain& domain, Waiting& waiting);

    Context& context_;
    Domains& domains_;
    Work& work_;
    TearDown& tear_down_;
    Ends& ends_;
};

}  // namespace hvctld
