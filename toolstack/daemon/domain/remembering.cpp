#include "domain/remembering.hpp"

namespace hvctld {
namespace {

// Of a client that waits for a job: another process holds a lock for less, and a slow disk answers sooner.
constexpr std::uint64_t kPatienceMs = 10'000;

}  // namespace

Result<void> require_registry(const Registry& registry) {
    const auto& trouble = registry.trouble();
    if (!trouble || trouble->id() == ErrorId::Busy) return {};
    return fail(ErrorId::NoRecord, trouble->message());
}

Step remembered(Context& context, bool patient) {
    return [&context, patient](Job& job, const Done& done) {
        const Registry& registry = context.registry;
        if (registry.waiting() == 0 && !registry.trouble()) return done({});
        const auto timer = std::make_shared<Timer>(context.loop);
        const auto waiting = std::make_shared<std::uint64_t>();
        const auto give_up = [&context, timer, waiting, done](Error why) {
            context.retry.stop_waiting(*waiting);
            timer->stop();
            done(std::unexpected(std::move(why)));
        };
        *waiting = context.retry.when_written([timer, done] {
            timer->stop();
            done({});
        });
        job.on_interrupt([give_up](Error& why) { give_up(why); });
        if (patient) return;
        const bool moment =
            registry.being_written() || (registry.trouble() && registry.trouble()->id() == ErrorId::Busy);
        timer->start(moment ? kPatienceMs : 0, [&registry, give_up] {
            give_up({ErrorId::NoRecord, registry.trouble() ? registry.trouble()->message() : std::string{}});
        });
    };
}

}  // namespace hvctld
