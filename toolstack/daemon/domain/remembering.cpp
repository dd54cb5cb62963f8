// Starting a guest needs a record, so that whoever comes after this process knows whose it is; ending one never does.
#include "domain/manager.hpp"

namespace hvctld {
namespace {

constexpr std::uint64_t kPatienceMs =
    10'000;  // of whoever waits for a job; a lock is held for less, and a slow disk answers sooner

}  // namespace

Result<void> Manager::require_registry() {
    const auto& trouble = registry_.trouble();
    if (!trouble || trouble->id() == ErrorId::Busy) return {};
    return fail(ErrorId::NoRecord, trouble->message());
}

// Goes on when the file has what was saved.
Step Manager::remembered(bool patient) {
    return [this, patient](Job& job, const Done& done) {
        if (registry_.waiting() == 0 && !registry_.trouble()) return done({});
        const auto timer = std::make_shared<Timer>(loop_);
        const auto waiting = std::make_shared<std::uint64_t>();
        const auto give_up = [this, timer, waiting, done](Error why) {
            retry_.stop_waiting(*waiting);
            timer->stop();
            done(std::unexpected(std::move(why)));
        };
        *waiting = retry_.when_written([timer, done] {
            timer->stop();
            done({});
        });
        job.on_interrupt([give_up](Error& why) { give_up(why); });
        if (patient) return;
        const bool moment =
            registry_.being_written() || (registry_.trouble() && registry_.trouble()->id() == ErrorId::Busy);
        timer->start(moment ? kPatienceMs : 0, [this, give_up] { give_up({ErrorId::NoRecord, registry_trouble()}); });
    };
}

}  // namespace hvctld
