#include "job_wait.hpp"

#include <time.h>

#include "json.hpp"
#include "text.hpp"
#include "verbs/common.hpp"
#include "verbs/verbs.hpp"

namespace hvctl::cli {
namespace {

struct Arguments {
    std::string action;
    std::vector<std::string> jobs;
    bool json = false;
};

const std::vector<std::string> kActions = {"list", "wait", "cancel"};

Cell job_state_cell(const std::string& state) {
    if (state == "failed") return {state, Colour::Red};
    if (state == "running") return {state, Colour::Green};
    return {state, state == "cancelled" ? Colour::Yellow : Colour::None};
}

std::string progress_cell(const Properties& job) {
    if (job.text("state") == "failed")
        return safe_for_terminal(job.text("error").substr(0, job.text("error").find('\n')));
    if (job.text("state") != "running") return {};
    std::string phase = job.text("phase");
    return phase.empty() ? "" : phase + ' ' + std::to_string(job.number("percent")) + " %";
}

Result<void> list_jobs(Context& context, bool json) {
    auto jobs = TRY(TRY(context.manager())->list_jobs());
    if (json) {
        JsonDocument document;
        document.add("jobs", jobs);
        print(document.text());
        return {};
    }
    Table table({{"Job", Align::Right},
                 {"Verb"},
                 {"Domain"},
                 {"State"},
                 {.title = "Started", .optional = true},
                 {.title = "Progress", .last_resort = true}});
    for (const Properties& job : jobs) {
        table.add({{std::to_string(job.number("id"))},
                   {job.text("verb")},
                   {job.text("domain")},
                   job_state_cell(job.text("state")),
                   {format_time(job.number("started"))},
                   {progress_cell(job)}});
    }
    print(table.render(context.out));
    return {};
}

Result<void> act_on_jobs(Context& context, const Arguments& arguments) {
    if (arguments.jobs.empty()) return fail(ExitCode::Usage, "job " + arguments.action + ": JOB is missing");
    for (const std::string& job : arguments.jobs) {
        if (!parse_number(job))
            return fail(ExitCode::Usage, "job: '" + job + "' is not a job's number; see 'hvctl job list'");
    }
    TRY(context.manager());
    return for_each_word(arguments.jobs, [&](const std::string& job) -> Result<void> {
        if (arguments.action == "cancel") return TRY(context.manager())->cancel_job(*parse_number(job));
        TRY(wait_for_job(context, *parse_number(job), OnInterrupt::LeaveJob));
        return {};
    });
}

Result<void> job(Context& context, Arguments& arguments) {
    std::vector<std::string> matches;
    for (const std::string& action : kActions) {
        if (action.starts_with(arguments.action)) matches.push_back(action);
    }
    if (matches.size() != 1) {
        return fail(ExitCode::Usage, "job: ACTION is one of list, wait and cancel, not '" + arguments.action + "'");
    }
    arguments.action = matches.front();
    if (arguments.action != "list") return act_on_jobs(context, arguments);
    if (!arguments.jobs.empty()) return fail(ExitCode::Usage, "job list: takes no further argument");
    return list_jobs(context, arguments.json);
}

}  // namespace

void add_job(App& app, Context& context) {
    auto arguments = std::make_shared<Arguments>();
    Verb& verb = app.verb("job", Topic::Jobs, "list operations, wait for them, cancel them");
    verb.description =
        "Whatever takes time is a job of hvctld: it goes on when hvctl is interrupted, and even over a restart of "
        "hvctld.\n"
        "'list' shows what runs and what ran lately; 'wait' returns when the jobs have ended, with the exit code of "
        "the first "
        "that failed; 'cancel' stops them and undoes what they had done.";
    verb.examples = "hvctl job list\nhvctl job wait $(hvctl create --no-wait web1.yaml)";
    verb.positional("ACTION", Complete::Words, arguments->action, "list, wait or cancel");
    verb.positionals.back().words = kActions;
    verb.positionals_of("JOB", Complete::Nothing, arguments->jobs, Arity::Any, "the numbers of jobs (wait, cancel)");
    verb.flag("--json", arguments->json, "the list in JSON");
    verb.run = [arguments, &context] { return job(context, *arguments); };
}

}  // namespace hvctl::cli
