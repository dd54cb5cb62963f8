// Methods of the bus's object about jobs: their list, waiting for the end of one, cancelling one.
#include "bus/manager_object.hpp"
#include "hvctl/try.hpp"

namespace hvctld::bus {

void append(Writer& writer, const JobRecord& job) {
    writer.entry("id", job.id).entry("verb", std::string{to_string(job.verb)}).entry("domain", job.domain);
    writer.entry("state", std::string{to_string(job.state)})
        .entry("phase", job.phase_text())
        .entry("percent", job.percent);
    writer.entry("started", job.started_us).entry("ended", job.ended_us);
    const bool failed = job.error != 0;
    const Error error{static_cast<ErrorId>(job.error), job.message};
    writer.entry("error_code", failed ? error.code() : std::string{}).entry("error", job.message);
}

Result<void> JobMethods::list(ManagerObject& object, sd_bus_message* call) {
    const std::vector<JobRecord> jobs = object.manager().jobs().list();
    return reply(call, [&](Writer& writer) {
        writer.array("a{sv}", [&] {
            for (const JobRecord& job : jobs) writer.array("{sv}", [&] { append(writer, job); });
        });
    });
}

Result<void> JobMethods::wait(ManagerObject& object, sd_bus_message* call) {
    return object.reply_when_ended(call, TRY(Arguments{call}.number()));
}

Result<void> JobMethods::cancel(ManagerObject& object, sd_bus_message* call) {
    TRY(object.manager().jobs().cancel(TRY(Arguments{call}.number())));
    return reply(call, [](Writer&) {});
}

}  // namespace hvctld::bus
