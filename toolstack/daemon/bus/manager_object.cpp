#include "bus/manager_object.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <new>

#include "base/log.hpp"
#include "bus/version.hpp"
#include "hvctl/try.hpp"

namespace hvctld::bus {
namespace {

// Only root may use the object, on every bus. The private socket has checked its peer already; on the system bus the
// broker vouches for the caller. Tests run as who they are: the daemon's own user is always allowed.
Result<void> authorise(sd_bus_message* call) {
    sd_bus_creds* raw = nullptr;
    if (sd_bus_query_sender_creds(call, SD_BUS_CREDS_EUID, &raw) < 0)
        return fail(ErrorId::AccessDenied, "the bus does not say who calls");
    uid_t user = 0;
    const int status = sd_bus_creds_get_euid(raw, &user);
    sd_bus_creds_unref(raw);
    if (status < 0) return fail(ErrorId::AccessDenied, "the bus does not say who calls");
    if (user != 0 && user != geteuid()) return fail(ErrorId::AccessDenied, "only root may manage domains");
    return {};
}

// The one place where a call enters: errors become replies here, and so does running out of memory.
template <Result<void> (*Method)(ManagerObject&, sd_bus_message*)>
int handle(sd_bus_message* call, void* object, sd_bus_error*) {
    try {
        auto done = authorise(call);
        if (done) done = Method(*static_cast<ManagerObject*>(object), call);
        return done ? 1 : reply_error(call, done.error());
    } catch (const std::bad_alloc&) {
        return reply_error(call, {ErrorId::NoMemory, "hvctld itself is out of memory"});
    }
}

int get_version(sd_bus*, const char*, const char*, const char*, sd_bus_message* reply, void*, sd_bus_error*) {
    return sd_bus_message_append(reply, "s", kVersion);
}

#define ARGS SD_BUS_PARAM
const sd_bus_vtable kVtable[] = {
    SD_BUS_VTABLE_START(0),
    SD_BUS_PROPERTY("Version", "s", get_version, 0, SD_BUS_VTABLE_PROPERTY_CONST),
    SD_BUS_METHOD_WITH_NAMES("CreateDomain", "ssasa{sv}", ARGS(config) ARGS(source) ARGS(overrides) ARGS(options), "t",
                             ARGS(job), handle<DomainMethods::create>, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD_WITH_NAMES("ValidateDomain", "ssasa{sv}", ARGS(config) ARGS(source) ARGS(overrides) ARGS(options),
                             "sas", ARGS(normalised) ARGS(warnings), handle<DomainMethods::validate>,
                             SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD_WITH_NAMES("ListDomains", "", , "aa{sv}", ARGS(domains), handle<DomainMethods::list>,
                             SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD_WITH_NAMES("GetDomain", "s", ARGS(domain), "a{sv}", ARGS(properties), handle<DomainMethods::get>,
                             SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD_WITH_NAMES("PauseDomain", "s", ARGS(domain), "", , handle<DomainMethods::pause>,
                             SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD_WITH_NAMES("UnpauseDomain", "s", ARGS(domain), "", , handle<DomainMethods::unpause>,
                             SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD_WITH_NAMES("ShutdownDomain", "sa{sv}", ARGS(domain) ARGS(options), "t", ARGS(job),
                             handle<DomainMethods::shutdown>, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD_WITH_NAMES("RebootDomain", "sa{sv}", ARGS(domain) ARGS(options), "t", ARGS(job),
                             handle<DomainMethods::reboot>, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD_WITH_NAMES("DestroyDomain", "s", ARGS(domain), "t", ARGS(job), handle<DomainMethods::destroy>,
                             SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD_WITH_NAMES("StopAllDomains", "a{sv}", ARGS(options), "t", ARGS(job), handle<DomainMethods::stop_all>,
                             SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD_WITH_NAMES("ForgetDomain", "s", ARGS(domain), "", , handle<DomainMethods::forget>,
                             SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD_WITH_NAMES("OpenConsole", "sst", ARGS(domain) ARGS(mode) ARGS(history), "h", ARGS(stream),
                             handle<DomainMethods::open_console>, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD_WITH_NAMES("OpenConsoleLog", "s", ARGS(domain), "h", ARGS(log),
                             handle<DomainMethods::open_console_log>, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD_WITH_NAMES("ListVcpus", "s", ARGS(domain), "aa{sv}", ARGS(vcpus), handle<DomainMethods::list_vcpus>,
                             SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD_WITH_NAMES("PinVcpu", "siss", ARGS(domain) ARGS(vcpu) ARGS(hard) ARGS(soft), "", ,
                             handle<DomainMethods::pin_vcpu>, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD_WITH_NAMES("GetHostInfo", "", , "a{sv}", ARGS(info), handle<HostMethods::info>,
                             SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD_WITH_NAMES("ReadHvLog", "tb", ARGS(position) ARGS(clear), "st", ARGS(text) ARGS(next),
                             handle<HostMethods::read_log>, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD_WITH_NAMES("SendDebugKeys", "s", ARGS(keys), "", , handle<HostMethods::debug_keys>,
                             SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD_WITH_NAMES("GetPerfCounters", "", , "a{st}", ARGS(counters), handle<HostMethods::perf_counters>,
                             SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD_WITH_NAMES("ListJobs", "", , "aa{sv}", ARGS(jobs), handle<JobMethods::list>,
                             SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD_WITH_NAMES("WaitJob", "t", ARGS(job), "a{sv}", ARGS(properties), handle<JobMethods::wait>,
                             SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD_WITH_NAMES("CancelJob", "t", ARGS(job), "", , handle<JobMethods::cancel>, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_SIGNAL_WITH_NAMES("DomainChanged", "sa{sv}", ARGS(name) ARGS(properties), 0),
    SD_BUS_SIGNAL_WITH_NAMES("JobChanged", "ta{sv}", ARGS(job) ARGS(properties), 0),
    SD_BUS_VTABLE_END,
};
#undef ARGS

template <class Fill>
void emit(Connection& connection, const char* name, Fill fill) {
    sd_bus_message* raw = nullptr;
    if (sd_bus_message_new_signal(connection.get(), &raw, kObjectPath, kInterface, name) < 0) return;
    const Message message{raw};
    Writer writer{raw};
    fill(writer);
    // A client that does not read its signals loses its connection, not the daemon its memory: sd-bus bounds the queue.
    if (writer.status() >= 0) (void)sd_bus_send(connection.get(), raw, nullptr);
    connection.update();
}

}  // namespace

ManagerObject::ManagerObject(Manager& manager) : manager_{manager}, alive_{std::make_shared<ManagerObject*>(this)} {
    manager_.on_domain_changed = [this](const DomainView& view) { domain_changed(view); };
    manager_.jobs().on_change = [this](const JobRecord& job) { job_changed(job); };
}

ManagerObject::~ManagerObject() {
    manager_.on_domain_changed = nullptr;
    manager_.jobs().on_change = nullptr;
}

Result<void> ManagerObject::add(Connection& connection) {
    sd_bus_slot* slot = nullptr;
    const int status = sd_bus_add_object_vtable(connection.get(), &slot, kObjectPath, kInterface, kVtable, this);
    if (status < 0) return fail_errno(-status, "cannot serve /org/hvctl1");
    served_[&connection].slot.reset(slot);
    return {};
}

void ManagerObject::remove(Connection& connection) {
    const auto found = served_.find(&connection);
    if (found == served_.end()) return;
    for (const std::uint64_t handle : found->second.waits) manager_.jobs().stop_waiting(handle);
    served_.erase(found);
}

void ManagerObject::flush(sd_bus* bus) {
    const auto found = std::ranges::find_if(served_, [bus](const auto& entry) { return entry.first->get() == bus; });
    if (found != served_.end()) found->first->update();
}

Result<void> ManagerObject::reply_when_ended(sd_bus_message* call, JobId job) {
    const auto kept = std::shared_ptr<sd_bus_message>{sd_bus_message_ref(call), MessageUnref{}};
    const auto connection = std::ranges::find_if(
        served_, [&](const auto& entry) { return entry.first->get() == sd_bus_message_get_bus(call); });
    Connection* owner = connection != served_.end() ? connection->first : nullptr;
    const std::uint64_t handle = TRY(manager_.jobs().wait(job, [kept, owner](const JobRecord& record) {
        if (record.state == JobState::Done) {
            (void)reply(kept.get(), [&](Writer& writer) { writer.array("{sv}", [&] { append(writer, record); }); });
        } else {
            (void)reply_error(kept.get(), {static_cast<ErrorId>(record.error), record.message});
        }
        if (owner != nullptr) owner->update();
    }));
    if (handle != 0 && connection != served_.end()) connection->second.waits.insert(handle);
    return {};
}

void ManagerObject::domain_changed(const DomainView& view) {
    for (auto& [connection, served] : served_) {
        emit(*connection, "DomainChanged",
             [&](Writer& writer) { writer.text(view.name).array("{sv}", [&] { append(writer, view); }); });
    }
}

void ManagerObject::job_changed(const JobRecord& job) {
    for (auto& [connection, served] : served_) {
        emit(*connection, "JobChanged",
             [&](Writer& writer) { writer.number(job.id).array("{sv}", [&] { append(writer, job); }); });
    }
}

int reply_error(sd_bus_message* call, const Error& error) {
    const std::string name = fmt::format("org.hvctl1.Error.{}", entry_of(error.id()).name);
    return sd_bus_reply_method_errorf(call, name.c_str(), "%s", error.text().c_str());
}

}  // namespace hvctld::bus
