#include "bus/manager_object.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "bus/version.hpp"
#include "hvctl/try.hpp"

namespace hvctld::bus {
namespace {

constexpr std::size_t kMostWaits = 64;         // of one client
constexpr std::size_t kMostWaitsOfAll = 4096;  // of all clients of one broker

// The one place where a call enters. Whatever goes wrong becomes a reply here: sd-bus is C, no exception may reach it.
template <ManagerObject::Method method, Action action>
int handle(sd_bus_message* call, void* object, sd_bus_error*) noexcept {
    return guarded(call, [&] { return static_cast<ManagerObject*>(object)->enter(call, action, method); });
}

// A method of each kind.
template <ManagerObject::Method method>
constexpr sd_bus_message_handler_t view = handle<method, Action::View>;
template <ManagerObject::Method method>
constexpr sd_bus_message_handler_t control = handle<method, Action::Control>;
template <ManagerObject::Method method>
constexpr sd_bus_message_handler_t define = handle<method, Action::Define>;
template <ManagerObject::Method method>
constexpr sd_bus_message_handler_t console = handle<method, Action::Console>;
template <ManagerObject::Method method>
constexpr sd_bus_message_handler_t host = handle<method, Action::Host>;

int get_version(sd_bus*, const char*, const char*, const char*, sd_bus_message* reply, void*, sd_bus_error*) {
    return sd_bus_message_append(reply, "s", kVersion);
}

#define ARGS SD_BUS_PARAM
const sd_bus_vtable kVtable[] = {
    SD_BUS_VTABLE_START(0),
    SD_BUS_PROPERTY("Version", "s", get_version, 0, SD_BUS_VTABLE_PROPERTY_CONST),
    SD_BUS_METHOD_WITH_NAMES("CreateDomain", "ssasa{sv}", ARGS(config) ARGS(source) ARGS(overrides) ARGS(options), "t",
                             ARGS(job), define<DomainMethods::create>, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD_WITH_NAMES("ValidateDomain", "ssasa{sv}", ARGS(config) ARGS(source) ARGS(overrides) ARGS(options),
                             "sas", ARGS(normalised) ARGS(warnings), define<DomainMethods::validate>,
                             SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD_WITH_NAMES("ListDomains", "", , "aa{sv}", ARGS(domains), view<DomainMethods::list>,
                             SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD_WITH_NAMES("GetDomain", "s", ARGS(domain), "a{sv}", ARGS(properties), view<DomainMethods::get>,
                             SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD_WITH_NAMES("PauseDomain", "s", ARGS(domain), "", , control<DomainMethods::pause>,
                             SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD_WITH_NAMES("UnpauseDomain", "s", ARGS(domain), "", , control<DomainMethods::unpause>,
                             SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD_WITH_NAMES("StartDomain", "sa{sv}", ARGS(domain) ARGS(options), "t", ARGS(job),
                             control<DomainMethods::start>, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD_WITH_NAMES("GetDefinition", "s", ARGS(domain), "saa{sv}", ARGS(definition) ARGS(revisions),
                             define<DomainMethods::definition>, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD_WITH_NAMES("ShutdownDomain", "sa{sv}", ARGS(domain) ARGS(options), "t", ARGS(job),
                             control<DomainMethods::shutdown>, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD_WITH_NAMES("RebootDomain", "sa{sv}", ARGS(domain) ARGS(options), "t", ARGS(job),
                             control<DomainMethods::reboot>, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD_WITH_NAMES("DestroyDomain", "s", ARGS(domain), "t", ARGS(job), control<DomainMethods::destroy>,
                             SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD_WITH_NAMES("DumpCore", "ssa{sv}", ARGS(domain) ARGS(path) ARGS(options), "ts", ARGS(job) ARGS(file),
                             host<DomainMethods::dump_core>, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD_WITH_NAMES("SendSysrq", "ss", ARGS(domain) ARGS(letter), "", , control<DomainMethods::sysrq>,
                             SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD_WITH_NAMES("RenameDomain", "ss", ARGS(domain) ARGS(name), "", , define<DomainMethods::rename>,
                             SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD_WITH_NAMES("StopAllDomains", "a{sv}", ARGS(options), "t", ARGS(job), host<DomainMethods::stop_all>,
                             SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD_WITH_NAMES("ForgetDomain", "s", ARGS(domain), "", , define<DomainMethods::forget>,
                             SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD_WITH_NAMES("OpenConsole", "sst", ARGS(domain) ARGS(mode) ARGS(history), "h", ARGS(stream),
                             console<DomainMethods::open_console>, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD_WITH_NAMES("OpenConsoleLog", "s", ARGS(domain), "h", ARGS(log),
                             console<DomainMethods::open_console_log>, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD_WITH_NAMES("ListVcpus", "s", ARGS(domain), "aa{sv}", ARGS(vcpus), view<DomainMethods::list_vcpus>,
                             SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD_WITH_NAMES("PinVcpu", "siss", ARGS(domain) ARGS(vcpu) ARGS(hard) ARGS(soft), "", ,
                             control<DomainMethods::pin_vcpu>, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD_WITH_NAMES("SetVcpus", "su", ARGS(domain) ARGS(count), "", , define<ResourceMethods::set_vcpus>,
                             SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD_WITH_NAMES("SetMemory", "st", ARGS(domain) ARGS(bytes), "", , define<ResourceMethods::set_memory>,
                             SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD_WITH_NAMES("SetMaxMemory", "st", ARGS(domain) ARGS(bytes), "b", ARGS(now),
                             define<ResourceMethods::set_max_memory>, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD_WITH_NAMES("SetShares", "ss", ARGS(domain) ARGS(change), "", , define<ResourceMethods::set_shares>,
                             SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD_WITH_NAMES("SetDiskLimits", "ss", ARGS(domain) ARGS(change), "", ,
                             define<ResourceMethods::set_disk_limits>, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD_WITH_NAMES("GetUsage", "", , "a{sv}aa{sv}", ARGS(host) ARGS(domains), view<ResourceMethods::usage>,
                             SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD_WITH_NAMES("GetGuarantees", "stu", ARGS(domain) ARGS(since) ARGS(hours), "aa{sv}", ARGS(entries),
                             view<ResourceMethods::guarantees>, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD_WITH_NAMES("ListPools", "", , "aa{sv}", ARGS(pools), view<PoolMethods::list>,
                             SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD_WITH_NAMES("CreatePool", "ss", ARGS(pool) ARGS(cpus), "", , host<PoolMethods::create>,
                             SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD_WITH_NAMES("DestroyPool", "s", ARGS(pool), "", , host<PoolMethods::destroy>,
                             SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD_WITH_NAMES("RenamePool", "ss", ARGS(pool) ARGS(name), "", , host<PoolMethods::rename>,
                             SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD_WITH_NAMES("AddPoolCpus", "ss", ARGS(pool) ARGS(cpus), "", , host<PoolMethods::add>,
                             SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD_WITH_NAMES("RemovePoolCpus", "ss", ARGS(pool) ARGS(cpus), "", , host<PoolMethods::remove>,
                             SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD_WITH_NAMES("SetPool", "ss", ARGS(domain) ARGS(pool), "", , define<PoolMethods::move>,
                             SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD_WITH_NAMES("ListVolumes", "s", ARGS(pool), "aa{sv}aa{sv}", ARGS(pools) ARGS(volumes),
                             view<VolumeMethods::list>, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD_WITH_NAMES("CreateVolume", "st", ARGS(volume) ARGS(bytes), "t", ARGS(job),
                             define<VolumeMethods::create>, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD_WITH_NAMES("ResizeVolume", "st", ARGS(volume) ARGS(bytes), "t", ARGS(job),
                             define<VolumeMethods::resize>, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD_WITH_NAMES("DeleteVolume", "s", ARGS(volume), "t", ARGS(job), define<VolumeMethods::remove>,
                             SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD_WITH_NAMES("ImportVolume", "sss", ARGS(volume) ARGS(file) ARGS(format), "t", ARGS(job),
                             define<VolumeMethods::import>, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD_WITH_NAMES("AttachDisk", "ss", ARGS(domain) ARGS(disk), "t", ARGS(job), define<DiskMethods::attach>,
                             SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD_WITH_NAMES("DetachDisk", "ssa{sv}", ARGS(domain) ARGS(target) ARGS(options), "t", ARGS(job),
                             define<DiskMethods::detach>, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD_WITH_NAMES("ResizeDisk", "sst", ARGS(domain) ARGS(target) ARGS(bytes), "t", ARGS(job),
                             define<DiskMethods::resize>, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD_WITH_NAMES("ListDisks", "s", ARGS(domain), "aa{sv}", ARGS(disks), view<DiskMethods::list>,
                             SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD_WITH_NAMES("AttachNic", "ss", ARGS(domain) ARGS(nic), "t", ARGS(job), define<NicMethods::attach>,
                             SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD_WITH_NAMES("DetachNic", "ssa{sv}", ARGS(domain) ARGS(nic) ARGS(options), "t", ARGS(job),
                             define<NicMethods::detach>, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD_WITH_NAMES("ChangeNic", "sss", ARGS(domain) ARGS(nic) ARGS(change), "t", ARGS(job),
                             define<NicMethods::change>, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD_WITH_NAMES("CheckNic", "ss", ARGS(domain) ARGS(nic), "sbaa{sv}",
                             ARGS(interface) ARGS(in_force) ARGS(trials), control<NicMethods::check>,
                             SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD_WITH_NAMES("ListNics", "s", ARGS(domain), "aa{sv}", ARGS(nics), view<NicMethods::list>,
                             SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD_WITH_NAMES("GetHostInfo", "", , "a{sv}", ARGS(info), view<HostMethods::info>,
                             SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD_WITH_NAMES("ReadHvLog", "tb", ARGS(position) ARGS(clear), "st", ARGS(text) ARGS(next),
                             host<HostMethods::read_log>, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD_WITH_NAMES("SendDebugKeys", "s", ARGS(keys), "", , host<HostMethods::debug_keys>,
                             SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD_WITH_NAMES("GetPerfCounters", "", , "a{st}", ARGS(counters), view<HostMethods::perf_counters>,
                             SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD_WITH_NAMES("ListJobs", "", , "aa{sv}", ARGS(jobs), view<JobMethods::list>,
                             SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD_WITH_NAMES("WaitJob", "t", ARGS(job), "a{sv}", ARGS(properties), view<JobMethods::wait>,
                             SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD_WITH_NAMES("CancelJob", "t", ARGS(job), "", , control<JobMethods::cancel>,
                             SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_SIGNAL_WITH_NAMES("DomainChanged", "sa{sv}", ARGS(name) ARGS(properties), 0),
    SD_BUS_SIGNAL_WITH_NAMES("DomainForgotten", "ss", ARGS(name) ARGS(uuid), 0),
    SD_BUS_SIGNAL_WITH_NAMES("JobChanged", "ta{sv}", ARGS(job) ARGS(properties), 0),
    SD_BUS_VTABLE_END,
};
#undef ARGS

// Empty where there is no broker.
std::string_view sender_of(sd_bus_message* call) {
    const char* sender = sd_bus_message_get_sender(call);
    return sender != nullptr ? sender : "";
}

template <class Fill>
void emit(Connection& connection, const char* name, Fill fill) {
    sd_bus_message* raw = nullptr;
    if (sd_bus_message_new_signal(connection.get(), &raw, kObjectPath, kInterface, name) < 0) return;
    const Message message{raw};
    Writer writer{raw};
    fill(writer);
    // A client that does not read its signals loses its connection, see Connection.
    if (writer.status() >= 0) (void)sd_bus_send(connection.get(), raw, nullptr);
    connection.update();
}

}  // namespace

ManagerObject::ManagerObject(Manager& manager) : manager_{manager}, alive_{std::make_shared<ManagerObject*>(this)} {
    manager_.on_domain_changed = [this](const DomainView& view) { domain_changed(view); };
    manager_.on_domain_forgotten = [this](const std::string& name, const std::string& uuid) {
        domain_forgotten(name, uuid);
    };
    manager_.jobs().on_change = [this](const JobRecord& job) { job_changed(job); };
}

ManagerObject::~ManagerObject() {
    manager_.on_domain_changed = nullptr;
    manager_.on_domain_forgotten = nullptr;
    manager_.jobs().on_change = nullptr;
}

Result<void> ManagerObject::add(Connection& connection) {
    sd_bus_slot* slot = nullptr;
    const int status = sd_bus_add_object_vtable(connection.get(), &slot, kObjectPath, kInterface, kVtable, this);
    if (status < 0) return fail_errno(-status, "cannot serve /org/hvctl1");
    served_[&connection].slot.reset(slot);
    return {};
}

Result<void> ManagerObject::add_brokered(Connection& connection, Authority::Rules rules) {
    auto authority =
        TRY(Authority::create(connection.get(), std::move(rules),
                              [this, &connection](std::string_view sender) { client_left(connection, sender); }));
    TRY(add(connection));
    served_[&connection].authority = std::move(authority);
    return {};
}

Result<ManagerObject::ServedMap::value_type*> ManagerObject::served_of(sd_bus_message* call) {
    const auto found = std::ranges::find_if(
        served_, [&](const auto& entry) { return entry.first->get() == sd_bus_message_get_bus(call); });
    if (found == served_.end()) return fail(ErrorId::Internal, "a call of no connection");
    return &*found;
}

bool ManagerObject::is_brokered(sd_bus_message* call) {
    const auto served = served_of(call);
    return !served || (*served)->second.authority != nullptr;
}

Result<void> ManagerObject::enter(sd_bus_message* call, Action action, Method method) {
    Served& served = TRY(served_of(call))->second;
    if (!served.authority) return run(method, call, geteuid());
    return served.authority->ask(
        call, action, [this, method](sd_bus_message* granted, uid_t caller) { return run(method, granted, caller); });
}

Result<void> ManagerObject::run(Method method, sd_bus_message* call, uid_t caller) {
    caller_ = caller;
    return method(*this, call);
}

// The caller has left the bus: its calls that wait for a job get no answer any more.
void ManagerObject::client_left(Connection& connection, std::string_view sender) {
    const auto found = served_.find(&connection);
    if (found == served_.end()) return;
    std::erase_if(found->second.waits, [&](const auto& entry) {
        if (sender_of(entry.second.get()) != sender) return false;
        manager_.jobs().stop_waiting(entry.first);
        return true;
    });
}

void ManagerObject::remove(Connection& connection) {
    const auto found = served_.find(&connection);
    if (found == served_.end()) return;
    for (const auto& [handle, call] : found->second.waits) manager_.jobs().stop_waiting(handle);
    served_.erase(found);
}

void ManagerObject::flush(sd_bus* bus) {
    const auto found = std::ranges::find_if(served_, [bus](const auto& entry) { return entry.first->get() == bus; });
    if (found != served_.end()) found->first->update();
}

std::size_t ManagerObject::waiting(Connection& connection) const {
    const auto found = served_.find(&connection);
    return found != served_.end() ? found->second.waits.size() : 0;
}

std::size_t ManagerObject::waiting() const {
    std::size_t count = 0;
    for (const auto& [connection, served] : served_) count += served.waits.size();
    return count;
}

void ManagerObject::refuse_waiting(Connection& connection, const Error& error) {
    const auto found = served_.find(&connection);
    if (found == served_.end()) return;
    for (const auto& [handle, call] : std::exchange(found->second.waits, {})) {
        manager_.jobs().stop_waiting(handle);
        (void)reply_error(call.get(), error);
    }
}

Result<void> ManagerObject::reply_when_ended(sd_bus_message* call, JobId job) {
    auto& [connection, served] = *TRY(served_of(call));
    const auto his = static_cast<std::size_t>(std::ranges::count_if(
        served.waits, [&](const auto& entry) { return sender_of(entry.second.get()) == sender_of(call); }));
    if (his >= kMostWaits)
        return fail(ErrorId::LimitReached, fmt::format("this client waits for {} jobs already", his));
    if (served.waits.size() >= kMostWaitsOfAll) {
        return fail(ErrorId::LimitReached,
                    fmt::format("the system bus's clients wait for {} jobs already", served.waits.size()));
    }
    const SharedMessage kept{sd_bus_message_ref(call), MessageUnref{}};
    // Its handle is known only after wait() has returned, which calls at once for a job that has ended.
    const auto handle = std::make_shared<std::uint64_t>(0);
    *handle = TRY(manager_.jobs().wait(job, [this, kept, connection = connection, handle](const JobRecord& record) {
        job_ended(*connection, kept.get(), record);
        if (const auto still = served_.find(connection); still != served_.end()) still->second.waits.erase(*handle);
    }));
    if (*handle != 0) served.waits[*handle] = kept;
    return {};
}

void ManagerObject::job_ended(Connection& connection, sd_bus_message* call, const JobRecord& job) {
    if (job.state == JobState::Done) {
        (void)reply(call, [&](Writer& writer) { writer.array("{sv}", [&] { append(writer, job); }); });
    } else {
        (void)reply_error(call, {static_cast<ErrorId>(job.error), job.message});
    }
    connection.update();
}

void ManagerObject::domain_changed(const DomainView& view) {
    for (auto& [connection, served] : served_) {
        emit(*connection, "DomainChanged",
             [&](Writer& writer) { writer.text(view.name).array("{sv}", [&] { append(writer, view); }); });
    }
}

void ManagerObject::domain_forgotten(const std::string& name, const std::string& uuid) {
    for (auto& [connection, served] : served_)
        emit(*connection, "DomainForgotten", [&](Writer& writer) { writer.text(name).text(uuid); });
}

void ManagerObject::job_changed(const JobRecord& job) {
    for (auto& [connection, served] : served_) {
        emit(*connection, "JobChanged",
             [&](Writer& writer) { writer.number(job.id).array("{sv}", [&] { append(writer, job); }); });
    }
}

}  // namespace hvctld::bus
