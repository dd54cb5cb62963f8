// Asking a guest to end by control/shutdown, and waiting: first until it has taken the request, then until it stops.
#include <fmt/format.h>

#include <utility>

#include "base/clock.hpp"
#include "domain/requests.hpp"
#include "domain/store_entries.hpp"

namespace hvctld {

// How a shutdown or reboot job waits for its guest.
struct Requests::Waiting {
    explicit Waiting(Loop& loop) : again{loop} {}
    std::string path;     // control/shutdown
    std::string request;  // "poweroff" or "reboot"
    bool taken = false;   // the guest has read the request
    std::optional<EndReason> reason;
    std::function<void()> wake;  // of the phase that waits now
    store::WatchHandle watch = 0;
    Timer again;
};

namespace {

// A guest whose programs are not up yet takes a request and does nothing: a young one is asked a second time. Others
// are not: to the shutdown of an old init a second request means to hurry.
constexpr std::uint64_t kYoungUs = 60'000'000;
constexpr std::uint64_t kAskAgainMs = 20'000;

}  // namespace

namespace {

// Waits until `enough` says so. Both waiting phases end in the same ways.
template <class Waiting, class Enough>
Step wait_until(const std::shared_ptr<Waiting>& waiting, Enough enough) {
    return [waiting, enough](Job& running, const Done& done) {
        if (enough(*waiting)) return done({});
        // By a pointer: what is woken belongs to `waiting` itself.
        waiting->wake = [state = waiting.get(), enough, done] {
            if (!enough(*state)) return;
            state->wake = nullptr;
            done({});
        };
        running.on_interrupt([waiting, done](Error& why) {
            if (why.id() == ErrorId::DeadlinePassed && !waiting->taken) {
                why = {ErrorId::GuestSilent,
                       "the guest did not take the " + waiting->request +
                           " request before the deadline; destroy it, or ask again once it is up"};
            }
            done(std::unexpected(why));
        });
    };
}

}  // namespace

void Requests::stop_waiting(Domain& domain, Waiting& waiting) {
    domain.on_end = nullptr;
    domain.ask_again = nullptr;
    waiting.wake = nullptr;
    waiting.again.stop();
    if (waiting.watch != 0) context_.store.unwatch(std::exchange(waiting.watch, 0));
}

Result<void> Requests::make_request(Job& job, Domain& domain, const std::shared_ptr<Waiting>& waiting, bool ask) {
    job.on_failure([this, &domain, waiting](Job&, const Done& done) {
        stop_waiting(domain, *waiting);
        const bool unread = context_.store.read(waiting->path) == waiting->request;
        if (unread && !waiting->reason) (void)context_.store.write(waiting->path, "");
        done({});
    });
    domain.on_end = [waiting, &job](EndReason reason) {
        job.lift_deadline();  // it was the guest's
        waiting->reason = reason;
        if (const auto wake = waiting->wake) wake();
    };
    if (ask) {
        const auto asked = context_.store.write(waiting->path, waiting->request);
        if (!asked)
            return fail(ErrorId::Internal, fmt::format("{}: {}", waiting->path, store::wire_name(asked.error())));
    }
    domain.asked_us = monotonic_us();
    domain.ask_again = [this, &domain, state = waiting.get()] {
        if (state->reason) return false;
        domain.asked_us = monotonic_us();
        (void)context_.store.write(state->path, state->request);
        return true;
    };
    const bool young = domain.asked_us - domain.record.run_since_us < kYoungUs;
    if (young && job.record().verb == Verb::Shutdown) {
        waiting->again.start(kAskAgainMs, [this, state = waiting.get()] {
            // A guest that has not read the first request yet needs no second one.
            if (!state->reason && context_.store.read(state->path) != state->request)
                (void)context_.store.write(state->path, state->request);
        });
    }
    waiting->watch =
        context_.store.watch(waiting->path, "hvctld", [this, waiting](const std::string&, const std::string&) {
            const auto value = context_.store.read(waiting->path);
            waiting->taken = waiting->taken || !value || *value != waiting->request;
            if (const auto wake = waiting->wake) wake();
        });
    return {};
}

void Requests::add_ask_phases(Job& job, Domain& domain, bool ask) {
    auto waiting = std::make_shared<Waiting>(context_.loop);
    waiting->path = domain_path(domain.record.instance.domid) + "/control/shutdown";
    waiting->request = job.record().verb == Verb::Reboot ? "reboot" : "poweroff";
    job.add({JobPhase::AskGuest, 10, immediate([this, &domain, waiting, ask](Job& running) {
                 return make_request(running, domain, waiting, ask);
             })});
    job.add({JobPhase::WaitForReaction, 15,
             wait_until(waiting, [](const Waiting& now) { return now.taken || now.reason; })});
    job.add(
        {JobPhase::WaitForStop, 20, wait_until(waiting, [](const Waiting& now) { return now.reason.has_value(); })});
    job.add({JobPhase::Stopped, 30, immediate([this, &domain, waiting](Job& running) -> Result<void> {
                 stop_waiting(domain, *waiting);
                 running.keep();
                 ends_.add_phases(running, domain, *waiting->reason, true);
                 return {};
             })});
}

}  // namespace hvctld
