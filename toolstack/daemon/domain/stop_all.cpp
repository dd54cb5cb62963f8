// Ending every guest because the host goes down: all are asked side by side, and what is left after a time is
// destroyed.
#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "domain/manager.hpp"
#include "hvctl/try.hpp"

namespace hvctld {
namespace {

constexpr const char* kVerb = "stop";
constexpr const char* kAll = "all guests";
constexpr std::uint32_t kDestroySeconds = 300;  // for the second part: freeing a very large guest takes a while
constexpr std::uint64_t kLookMs = 100;
constexpr std::size_t kNamesShown = 5;

std::string list_of(const std::vector<std::string>& names) {
    std::string text;
    for (std::size_t i = 0; i < std::min(names.size(), kNamesShown); ++i) text += (i == 0 ? "" : ", ") + names[i];
    if (names.size() > kNamesShown) text += fmt::format(" and {} more", names.size() - kNamesShown);
    return text;
}

}  // namespace

struct Manager::StopAll {
    explicit StopAll(Loop& loop) : timer{loop} {}
    Timer timer;
    std::vector<std::string> asked;
    std::vector<std::string> given_up;  // destroyed, or about to be
};

bool Manager::starts_guest(const std::string& verb) {
    return verb == "create" || verb == "start" || verb == "restart" || verb == "reboot";
}

bool Manager::stops_all(const JobRecord& record) {
    return record.verb == kVerb && record.domain == kAll;
}

Result<void> Manager::require_host_stays() {
    if (stop_all_job_ == 0) return {};
    return fail(ErrorId::Busy,
                fmt::format("job {} stops all guests because the host goes down; nothing is started until it "
                            "has ended",
                            stop_all_job_));
}

Result<JobId> Manager::stop_all(std::optional<std::uint32_t> timeout_seconds) {
    // Who asks has a host that waits for the answer: it must not go down while another one waits for the guests.
    if (stop_all_job_ != 0) return stop_all_job_;
    const std::uint32_t timeout = timeout_seconds.value_or(settings_.shutdown_timeout_seconds);
    JobRecord record;
    record.verb = kVerb;
    record.domain = kAll;
    record.deadline_us = monotonic_us() + (std::uint64_t{timeout} + kDestroySeconds) * 1'000'000;
    Job& job = jobs_.add(std::move(record), [this](const JobRecord&) { stop_all_job_ = 0; });
    const JobId id = job.id();
    begin_stop_all(job);
    return id;
}

void Manager::resume_stop_all(JobRecord record) {
    if (record.deadline_us == 0) record.deadline_us = monotonic_us() + std::uint64_t{kDestroySeconds} * 1'000'000;
    Job& job = jobs_.resume(std::move(record), [this](const JobRecord&) { stop_all_job_ = 0; });
    job.count_attempt();
    begin_stop_all(job);
}

void Manager::begin_stop_all(Job& job) {
    stop_all_job_ = job.id();
    auto state = std::make_shared<StopAll>(loop_);
    const std::uint64_t patient_until = job.record().deadline_us - std::uint64_t{kDestroySeconds} * 1'000'000;
    job.add({"ask the guests", 0, [this, state, patient_until](Job& running, const Done& done) {
                 running.on_interrupt([state, done](Error& why) {
                     state->timer.stop();
                     done(std::unexpected(why));
                 });
                 look_at_all(running, state, patient_until, done);
             }});
    job.start();
}

// One look at what is left, and the next one a little later.
void Manager::look_at_all(Job& job, const std::shared_ptr<StopAll>& state, std::uint64_t patient_until,
                          const Done& done) {
    const std::uint64_t now = monotonic_us();
    std::vector<std::string> left;
    for (const auto& [name, domain] : domains_) {
        if (domain->in_hv() || domain->job != 0 || !domain->unwinding.empty()) left.push_back(name);
    }
    if (left.empty()) return done({});
    const bool patient = now < patient_until;
    for (const std::string& name : left) {
        const auto found = domains_.find(name);
        if (found != domains_.end()) push_towards_end(*found->second, *state, patient ? patient_until - now : 0);
    }
    std::erase_if(left, [&](const std::string& name) { return std::ranges::count(state->given_up, name) != 0; });
    job.say(left.empty()
                ? "destroy " + list_of(state->given_up)
                : fmt::format("wait for {} guest{}: {}", left.size(), left.size() == 1 ? "" : "s", list_of(left)));
    state->timer.start(kLookMs,
                       [this, &job, state, patient_until, done] { look_at_all(job, state, patient_until, done); });
}

// What can be done now to end this domain; what cannot be done is tried again with the next look.
void Manager::push_towards_end(Domain& domain, StopAll& state, std::uint64_t left_us) {
    const std::string name = domain.record.name;
    const bool asked = std::ranges::count(state.asked, name) != 0;
    Job* const job = jobs_.find(domain.job);
    if (job != nullptr && starts_guest(job->record().verb)) {
        job->interrupt({ErrorId::Cancelled, fmt::format("{}: cancelled because the host goes down", name)});
    }
    const bool idle = job == nullptr || job->waiting();
    if (!domain.in_hv() || !idle) return;
    const auto info = hypervisor_.domain(domain.id());
    // A guest that never ran or has ended has nothing to lose; one that was asked and has no job any more did not obey.
    const bool lifeless =
        domain.half_there() || (info && (info->flags & (abi::kDomainShutdown | abi::kDomainUnstarted)) != 0);
    // While a job waits for its end, that job is about to see to it.
    if (left_us == 0 || (job == nullptr && (lifeless || asked))) {
        if (destroy(name) && std::ranges::count(state.given_up, name) == 0) state.given_up.push_back(name);
        return;
    }
    if (job != nullptr) return;
    if (info && (info->flags & abi::kDomainPaused) != 0) (void)hypervisor_.unpause_domain(domain.id());
    // Its own deadline is a little later than ours: giving up is decided here.
    const auto seconds = static_cast<std::uint32_t>(std::min<std::uint64_t>(left_us / 1'000'000 + 10, UINT32_MAX));
    if (ask_guest(name, "poweroff", seconds)) state.asked.push_back(name);
}

}  // namespace hvctld
