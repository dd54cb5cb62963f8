#include "devices/guest_console.hpp"

#include "hvctl/try.hpp"

namespace hvctld {

Result<Console*> console_of(Context& context, Domain& domain) {
    if (!domain.console) {
        domain.console =
            TRY(within(domain.record.name + ": console",
                       Console::create(context.loop, context.console_disk, context.events, context.paths.console,
                                       domain.record.name, context.settings.console)));
    }
    return domain.console.get();
}

Step GuestConsole::prepare(bool anew) {
    return [this, anew](Job& job, const Done& done) {
        const auto console = console_of(context_, domain_);
        if (!console) return done(std::unexpected(console.error()));
        job.on_interrupt([done](Error& why) { done(std::unexpected(why)); });
        (*console)->prepare_run(anew, [done, name = domain_.record.name](const Result<void>& ready) {
            done(within(name + ": console log", Result<void>{ready}));
        });
    };
}

Phase GuestConsole::publish() {
    return {JobPhase::Console, 95, immediate([this](Job&) -> Result<void> {
                const Instance& instance = domain_.record.instance;
                return within(domain_.record.name + ": console",
                              domain_.console->attach(domain_.id(), Mfn{instance.console_mfn},
                                                      EventPort{instance.console_port}, false));
            })};
}

void GuestConsole::started() {
    if (domain_.console) domain_.console->keep_run();
}

void GuestConsole::abandoned() {
    if (domain_.console) domain_.console->abandon_run();
}

void GuestConsole::unplug() {
    if (domain_.console) domain_.console->detach();
}

Result<void> GuestConsole::recover() {
    const Instance& instance = domain_.record.instance;
    if (instance.console_mfn == 0) return {};
    Console* console = TRY(console_of(context_, domain_));
    return console->attach(domain_.id(), Mfn{instance.console_mfn}, EventPort{instance.console_port}, true);
}

}  // namespace hvctld
