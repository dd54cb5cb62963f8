#include "verbs/stop.hpp"

#include "job_wait.hpp"
#include "text.hpp"
#include "verbs/common.hpp"

namespace hvctl::cli {
namespace {

constexpr std::uint64_t kMaxTimeout = 24 * 60 * 60;

// Every guest that runs, Dom0 excepted.
Result<std::vector<std::string>> all_running(Manager& manager) {
    std::vector<std::string> names;
    for (const Properties& domain : TRY(manager.list_domains())) {
        std::string state = domain.text("state");
        bool runs = state == "running" || state == "blocked";
        if (runs && domain.number("domid") != 0) names.push_back(domain.text("name"));
    }
    return names;
}

}  // namespace

Result<Properties> timeout_options(const std::string& text, const std::string& verb) {
    if (text.empty()) return Properties{};
    auto seconds = parse_number(text);
    if (!seconds || *seconds == 0 || *seconds > kMaxTimeout) {
        return fail(ExitCode::Usage, verb + ": --timeout takes seconds, from 1 to " + std::to_string(kMaxTimeout) +
                                         ", not '" + text + "'");
    }
    return Properties{{"timeout_seconds", *seconds}};
}

void add_stop_options(Verb& verb, StopArguments& arguments, const std::string& what) {
    verb.positionals_of("DOMAIN", Complete::Guest, arguments.domains, Arity::Any, "name, id or UUID");
    verb.flag("--all", "-a", arguments.all, "all running domains but Dom0");
    verb.flag("--wait", "-w", arguments.wait, "return when every one of them " + what);
    verb.value("--timeout", "SECONDS", arguments.timeout, "how long a guest may take (300 by default)");
}

Result<void> stop_domains(Context& context, const StopArguments& arguments, StopCall call, const std::string& verb) {
    if (arguments.all != arguments.domains.empty()) {
        return fail(ExitCode::Usage, verb + (arguments.all ? ": name domains or give --all, not both"
                                                           : ": DOMAIN is missing (or --all for every guest)"));
    }
    Properties options = TRY(timeout_options(arguments.timeout, verb));
    Manager* manager = TRY(context.manager());
    auto domains = arguments.all ? TRY(all_running(*manager)) : arguments.domains;

    // All are asked before the first is waited for: they stop side by side.
    std::vector<JobId> jobs;
    Result<void> asked = for_each_word(domains, [&](const std::string& domain) -> Result<void> {
        jobs.push_back(TRY((manager->*call)(domain, options)));
        return {};
    });
    if (!arguments.wait) return asked;
    std::vector<std::string> numbers;
    for (JobId job : jobs) numbers.push_back(std::to_string(job));
    Result<void> waited = for_each_word(numbers, [&](const std::string& number) -> Result<void> {
        TRY(wait_for_job(context, *parse_number(number), OnInterrupt::LeaveJob));
        return {};
    });
    return asked ? waited : asked;
}

}  // namespace hvctl::cli
