// The object /org/hvctl1 on any number of connections: translates between the bus and the Manager, decides nothing.
#pragma once

#include <systemd/sd-bus.h>

#include <functional>
#include <map>
#include <memory>

#include "bus/authority.hpp"
#include "bus/connection.hpp"
#include "bus/guarded.hpp"
#include "bus/message.hpp"
#include "domain/manager.hpp"

namespace hvctld::bus {

inline constexpr const char* kObjectPath = "/org/hvctl1";
inline constexpr const char* kInterface = "org.hvctl1.Manager";

class ManagerObject {
  public:
    explicit ManagerObject(Manager& manager);
    ~ManagerObject();
    ManagerObject(const ManagerObject&) = delete;
    ManagerObject& operator=(const ManagerObject&) = delete;

    // Serves the object until remove(), on a connection whose other side may everything.
    Result<void> add(Connection& connection);
    // On a broker's connection: each caller may what `rules` and polkit say.
    Result<void> add_brokered(Connection& connection, Authority::Rules rules);
    void remove(Connection& connection);
    // Calls of the connection that wait for a job's end.
    [[nodiscard]] std::size_t waiting(Connection& connection) const;
    [[nodiscard]] std::size_t waiting() const;  // of all connections
    // Answers them with an error, which may not reach a caller that does not read.
    void refuse_waiting(Connection& connection, const Error& error);

    // Runs `method` for a call that has come in, once its caller may.
    using Method = Result<void> (*)(ManagerObject& object, sd_bus_message* call);
    Result<void> enter(sd_bus_message* call, Action action, Method method);

    [[nodiscard]] Manager& manager() { return manager_; }
    // Whose call runs now, for the audit. On the private socket they are root, or the user the daemon runs as.
    [[nodiscard]] uid_t caller() const { return caller_; }
    // Keeps a call, to be answered once its Result is there, with what `fill` appends or with the error.
    template <class Value>
    std::function<void(const Result<Value>&)> later(sd_bus_message* call, void (*fill)(Writer&, const Value&));
    // Whether it has come over a broker, and so may come from any user.
    [[nodiscard]] bool is_brokered(sd_bus_message* call);
    // Keeps a call until `job` has ended.
    Result<void> reply_when_ended(sd_bus_message* call, JobId job);

  private:
    using SharedMessage = std::shared_ptr<sd_bus_message>;
    struct Served {
        Slot slot;
        std::unique_ptr<Authority> authority;          // of a broker's connection
        std::map<std::uint64_t, SharedMessage> waits;  // by the handle of JobQueue::wait()
    };
    using ServedMap = std::map<Connection*, Served>;

    Result<void> run(Method method, sd_bus_message* call, uid_t caller);
    Result<ServedMap::value_type*> served_of(sd_bus_message* call);
    void client_left(Connection& connection, std::string_view sender);
    void job_ended(Connection& connection, sd_bus_message* call, const JobRecord& job);
    void domain_changed(const DomainView& view);
    void domain_forgotten(const std::string& name, const std::string& uuid);
    void job_changed(const JobRecord& job);

    // Sends what was queued on a connection from outside its own handlers, if it is still there.
    void flush(sd_bus* bus);

    Manager& manager_;
    ServedMap served_;
    uid_t caller_ = 0;
    std::shared_ptr<ManagerObject*> alive_;
};

// The methods, one file per family. Each reads its arguments, calls the manager and replies.
struct DomainMethods {
    static Result<void> create(ManagerObject& object, sd_bus_message* call);
    static Result<void> start(ManagerObject& object, sd_bus_message* call);
    static Result<void> definition(ManagerObject& object, sd_bus_message* call);
    static Result<void> validate(ManagerObject& object, sd_bus_message* call);
    static Result<void> list(ManagerObject& object, sd_bus_message* call);
    static Result<void> get(ManagerObject& object, sd_bus_message* call);
    static Result<void> pause(ManagerObject& object, sd_bus_message* call);
    static Result<void> unpause(ManagerObject& object, sd_bus_message* call);
    static Result<void> shutdown(ManagerObject& object, sd_bus_message* call);
    static Result<void> reboot(ManagerObject& object, sd_bus_message* call);
    static Result<void> destroy(ManagerObject& object, sd_bus_message* call);
    static Result<void> dump_core(ManagerObject& object, sd_bus_message* call);
    static Result<void> sysrq(ManagerObject& object, sd_bus_message* call);
    static Result<void> rename(ManagerObject& object, sd_bus_message* call);
    static Result<void> stop_all(ManagerObject& object, sd_bus_message* call);
    static Result<void> forget(ManagerObject& object, sd_bus_message* call);
    static Result<void> open_console(ManagerObject& object, sd_bus_message* call);
    static Result<void> open_console_log(ManagerObject& object, sd_bus_message* call);
    static Result<void> list_vcpus(ManagerObject& object, sd_bus_message* call);
    static Result<void> pin_vcpu(ManagerObject& object, sd_bus_message* call);
};

struct ResourceMethods {
    static Result<void> set_vcpus(ManagerObject& object, sd_bus_message* call);
    static Result<void> set_memory(ManagerObject& object, sd_bus_message* call);
    static Result<void> set_max_memory(ManagerObject& object, sd_bus_message* call);
    static Result<void> set_shares(ManagerObject& object, sd_bus_message* call);
    static Result<void> set_disk_limits(ManagerObject& object, sd_bus_message* call);
    static Result<void> usage(ManagerObject& object, sd_bus_message* call);
    static Result<void> guarantees(ManagerObject& object, sd_bus_message* call);
};

struct PoolMethods {
    static Result<void> list(ManagerObject& object, sd_bus_message* call);
    static Result<void> create(ManagerObject& object, sd_bus_message* call);
    static Result<void> destroy(ManagerObject& object, sd_bus_message* call);
    static Result<void> rename(ManagerObject& object, sd_bus_message* call);
    static Result<void> add(ManagerObject& object, sd_bus_message* call);
    static Result<void> remove(ManagerObject& object, sd_bus_message* call);
    static Result<void> move(ManagerObject& object, sd_bus_message* call);
};

struct VolumeMethods {
    static Result<void> list(ManagerObject& object, sd_bus_message* call);
    static Result<void> create(ManagerObject& object, sd_bus_message* call);
    static Result<void> resize(ManagerObject& object, sd_bus_message* call);
    static Result<void> remove(ManagerObject& object, sd_bus_message* call);
    static Result<void> import(ManagerObject& object, sd_bus_message* call);
};

struct DiskMethods {
    static Result<void> attach(ManagerObject& object, sd_bus_message* call);
    static Result<void> detach(ManagerObject& object, sd_bus_message* call);
    static Result<void> resize(ManagerObject& object, sd_bus_message* call);
    static Result<void> list(ManagerObject& object, sd_bus_message* call);
};

struct NicMethods {
    static Result<void> attach(ManagerObject& object, sd_bus_message* call);
    static Result<void> detach(ManagerObject& object, sd_bus_message* call);
    static Result<void> change(ManagerObject& object, sd_bus_message* call);
    static Result<void> list(ManagerObject& object, sd_bus_message* call);
    static Result<void> check(ManagerObject& object, sd_bus_message* call);
};

struct HostMethods {
    static Result<void> info(ManagerObject& object, sd_bus_message* call);
    static Result<void> read_log(ManagerObject& object, sd_bus_message* call);
    static Result<void> debug_keys(ManagerObject& object, sd_bus_message* call);
    static Result<void> perf_counters(ManagerObject& object, sd_bus_message* call);
};

struct JobMethods {
    static Result<void> list(ManagerObject& object, sd_bus_message* call);
    static Result<void> wait(ManagerObject& object, sd_bus_message* call);
    static Result<void> cancel(ManagerObject& object, sd_bus_message* call);
};

// Replies to `call` with what `fill(Writer&)` appends.
template <class Fill>
Result<void> reply(sd_bus_message* call, Fill fill) {
    sd_bus_message* raw = nullptr;
    if (const int status = sd_bus_message_new_method_return(call, &raw); status < 0)
        return fail_errno(-status, "reply");
    const Message message{raw};
    Writer writer{raw};
    fill(writer);
    if (writer.status() < 0) return fail_errno(-writer.status(), "reply");
    if (const int status = sd_bus_send(nullptr, raw, nullptr); status < 0) return fail_errno(-status, "reply");
    return {};
}

inline Result<void> reply_nothing(sd_bus_message* call) {
    return reply(call, [](Writer&) {});
}

template <class Value>
std::function<void(const Result<Value>&)> ManagerObject::later(sd_bus_message* call,
                                                               void (*fill)(Writer&, const Value&)) {
    const auto kept = std::shared_ptr<sd_bus_message>{sd_bus_message_ref(call), MessageUnref{}};
    return [this, weak = std::weak_ptr{alive_}, kept, fill](const Result<Value>& result) {
        if (weak.expired()) return;
        const auto sent = result ? reply(kept.get(), [&](Writer& writer) { fill(writer, *result); })
                                 : Result<void>{std::unexpected(result.error())};
        if (!sent) (void)reply_error(kept.get(), sent.error());
        flush(sd_bus_message_get_bus(kept.get()));
    };
}

// The properties of a domain, the properties of a job: the content of an a{sv}.
void append(Writer& writer, const DomainView& view);
void append(Writer& writer, const JobRecord& job);

}  // namespace hvctld::bus
