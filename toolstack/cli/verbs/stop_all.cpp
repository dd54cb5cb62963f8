#include <chrono>

#include "job_wait.hpp"
#include "verbs/stop.hpp"
#include "verbs/verbs.hpp"

namespace hvctl::cli {
namespace {

// The host goes down, and unless its guests are asked first they are cut off: so a hvctld that is just being started
// again is waited for.
Result<JobId> stop_all(Context& context, const Properties& options) {
    const auto asked = [&](const Result<Manager*>& manager) -> Result<JobId> {
        return TRY(Result<Manager*>{manager})->stop_all_domains(options);
    };
    auto job = asked(context.manager_at_once());
    if (job || job.error().code != ExitCode::Unreachable) return job;
    warn("hvctld does not answer; waiting for it to come back");
    return asked(context.reconnect(std::chrono::seconds{60}));
}

}  // namespace

void add_stop_all(App& app, Context& context) {
    auto timeout = std::make_shared<std::string>();
    Verb& verb = app.verb("stop-all", Topic::Host, "end every guest, because the host goes down");
    verb.whole_name = true;
    verb.description =
        "Asks every guest to shut down, all at once, waits for them, and destroys those that take too long. Until all "
        "is "
        "over, nothing is created or started again, whatever the domains' on_poweroff, on_reboot and on_crash say.\n"
        "hvctl-guests.service does this when the host is powered off or rebooted, so that no guest is taken by "
        "surprise.";
    verb.examples = "hvctl stop-all --timeout 30";
    verb.value("--timeout", "SECONDS", *timeout, "how long guests may take (default: shutdown_timeout of hvctl.yaml)");
    verb.run = [timeout, &context]() -> Result<void> {
        Properties options = TRY(timeout_options(*timeout, "stop-all"));
        JobId job = TRY(stop_all(context, options));
        TRY(wait_for_job(context, job, OnInterrupt::CancelJob, Progress::Lines));
        return {};
    };
}

}  // namespace hvctl::cli
