#include "domain/host_end.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

namespace hvctld {
namespace {

constexpr const char* kAll = "all guests";
constexpr std::uint32_t kDestroySeconds = 300;  // for the second part: freeing a very large guest takes a while
constexpr std::uint64_t kDestroyUs = std::uint64_t{kDestroySeconds} * 1'000'000;
constexpr std::uint32_t kLaterSeconds = 10;  // a shutdown's own deadline after ours: giving up is decided here
constexpr std::uint64_t kLookMs = 100;
constexpr std::uint64_t kLongAgoUs = 30'000'000;
constexpr std::size_t kNamesShown = 5;

std::string list_of(const std::vector<std::string>& names) {
    std::string text;
    for (std::size_t i = 0; i < std::min(names.size(), kNamesShown); ++i) text += (i == 0 ? "" : ", ") + names[i];
    if (names.size() > kNamesShown) text += fmt::format(" and {} more", names.size() - kNamesShown);
    return text;
}

bool contains(const std::vector<std::string>& names, const std::string& name) {
    return std::ranges::find(names, name) != names.end();
}

}  // namespace

struct HostEnd::Round {
    explicit Round(Loop& loop) : timer{loop} {}
    Timer timer;
    std::uint64_t patient_until_us = 0;
    std::vector<std::string> asked;
    std::vector<std::string> reminded;  // had been asked before, by another job
    std::vector<std::string> given_up;  // destroyed, or about to be
};

Result<JobId> HostEnd::begin(std::optional<std::uint32_t> timeout_seconds) {
    // The caller's host waits for the answer: it must not go down while another one waits for the guests.
    const JobId present = work_.host_end();
    if (present != 0 && conflict(Verb::StopAll, Verb::StopAll) == Conflict::Join) return present;
    const std::uint32_t timeout = timeout_seconds.value_or(context_.settings.shutdown_timeout_seconds);
    JobRecord record;
    record.verb = Verb::StopAll;
    record.domain = kAll;
    record.deadline_us = monotonic_us() + std::uint64_t{timeout} * 1'000'000 + kDestroyUs;
    Job& job = context_.jobs.add(std::move(record), finished());
    const JobId id = job.id();
    run(job);
    return id;
}

void HostEnd::resume(JobRecord record) {
    if (record.deadline_us == 0) record.deadline_us = monotonic_us() + kDestroyUs;
    Job& job = context_.jobs.resume(std::move(record), finished());
    job.count_attempt();
    run(job);
}

JobQueue::Finished HostEnd::finished() {
    return [this](const JobRecord&) { work_.set_host_end(0); };
}

void HostEnd::run(Job& job) {
    work_.set_host_end(job.id());
    const auto round = std::make_shared<Round>(context_.loop);
    round->patient_until_us = job.record().deadline_us - kDestroyUs;
    job.add({JobPhase::AskGuests, 0, [this, round](Job& running, const Done& done) {
                 running.on_interrupt([round, done](Error& why) {
                     round->timer.stop();
                     done(std::unexpected(why));
                 });
                 look(running, round, done);
             }});
    job.start();
}

// One look at what is left, and the next one a little later.
void HostEnd::look(Job& job, const std::shared_ptr<Round>& round, const Done& done) {
    const std::uint64_t now = monotonic_us();
    std::vector<std::string> left;
    for (const Domain* domain : domains_.all()) {
        if (domain->in_hv() || domain->job != 0 || !domain->unwinding.empty()) left.push_back(domain->record.name);
    }
    if (left.empty()) return done({});
    const std::uint64_t left_us = now < round->patient_until_us ? round->patient_until_us - now : 0;
    for (const std::string& name : left) {
        if (Domain* domain = domains_.named(name)) push(*domain, *round, left_us);
    }
    std::erase_if(left, [&](const std::string& name) { return contains(round->given_up, name); });
    job.say(left.empty()
                ? "destroy " + list_of(round->given_up)
                : fmt::format("wait for {} guest{}: {}", left.size(), left.size() == 1 ? "" : "s", list_of(left)));
    round->timer.start(kLookMs, [this, &job, round, done] { look(job, round, done); });
}

// What can be done now to end this domain; what cannot be done is tried again with the next look.
void HostEnd::push(Domain& domain, Round& round, std::uint64_t left_us) {
    const std::string name = domain.record.name;
    Job* const job = context_.jobs.find(domain.job);
    if (job != nullptr && Work::gives_way(*job, Verb::StopAll))
        job->interrupt({ErrorId::Cancelled, fmt::format("{}: cancelled because the host goes down", name)});
    const bool idle = job == nullptr || job->waiting();
    if (!domain.in_hv() || !idle) return;
    const auto info = context_.hypervisor.domain(domain.id());
    // A guest that never ran or has ended has nothing to lose; one that was asked and has no job any more did not obey.
    const bool lifeless =
        domain.half_there() || (info && (info->flags & (abi::kDomainShutdown | abi::kDomainUnstarted)) != 0);
    // While a job waits for its end, that job is about to see to it.
    if (left_us == 0 || (job == nullptr && (lifeless || contains(round.asked, name)))) {
        if (requests_.destroy(name) && !contains(round.given_up, name)) round.given_up.push_back(name);
        return;
    }
    if (job != nullptr) {
        // One that has been asked a moment ago is on its way.
        const bool long_ago = monotonic_us() - domain.asked_us > kLongAgoUs;
        if (domain.ask_again && long_ago && !contains(round.asked, name) && !contains(round.reminded, name)) {
            (void)domain.ask_again();
            round.reminded.push_back(name);
        }
        return;
    }
    if (info && (info->flags & abi::kDomainPaused) != 0) (void)context_.hypervisor.unpause_domain(domain.id());
    const auto seconds =
        static_cast<std::uint32_t>(std::min<std::uint64_t>(left_us / 1'000'000 + kLaterSeconds, UINT32_MAX));
    if (requests_.shutdown(name, seconds)) round.asked.push_back(name);
}

}  // namespace hvctld
