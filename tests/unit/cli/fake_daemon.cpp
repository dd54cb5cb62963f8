#include "fake_daemon.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstring>
#include <memory>

#include "bus/connection.hpp"
#include "bus/message.hpp"

namespace hvctl::cli::test {
namespace {

constexpr const char* kObject = "/org/hvctl1";
constexpr const char* kName = "org.hvctl1.Manager";
constexpr auto kLimit = std::chrono::seconds(60);  // only a hang gets there

int append_value(sd_bus_message* message, const std::string& key, const Value& value) {
    const char* name = key.c_str();
    if (const auto* text = std::get_if<std::string>(&value))
        return sd_bus_message_append(message, "{sv}", name, "s", text->c_str());
    if (const auto* flag = std::get_if<bool>(&value))
        return sd_bus_message_append(message, "{sv}", name, "b", *flag ? 1 : 0);
    if (const auto* signed_number = std::get_if<std::int64_t>(&value)) {
        return sd_bus_message_append(message, "{sv}", name, "u", static_cast<std::uint32_t>(*signed_number));
    }
    if (const auto* number = std::get_if<std::uint64_t>(&value))
        return sd_bus_message_append(message, "{sv}", name, "t", *number);
    if (const auto* list = std::get_if<std::vector<std::string>>(&value)) {
        sd_bus_message_open_container(message, 'e', "sv");
        sd_bus_message_append_basic(message, 's', name);
        sd_bus_message_open_container(message, 'v', "as");
        append_strings(message, *list);
        sd_bus_message_close_container(message);
        return sd_bus_message_close_container(message);
    }
    return -EINVAL;
}

void append_dictionary(sd_bus_message* message, const Properties& properties) {
    sd_bus_message_open_container(message, 'a', "{sv}");
    for (const auto& [key, value] : properties) append_value(message, key, value);
    sd_bus_message_close_container(message);
}

int reply_with(sd_bus_message* call, const auto& fill) {
    sd_bus_message* reply = nullptr;
    int error = sd_bus_message_new_method_return(call, &reply);
    if (error < 0) return error;
    Message owner(reply);
    fill(reply);
    return sd_bus_send(nullptr, reply, nullptr) < 0 ? -EIO : 1;
}

void append_list(sd_bus_message* reply, const std::vector<Properties>& list) {
    sd_bus_message_open_container(reply, 'a', "a{sv}");
    for (const Properties& properties : list) append_dictionary(reply, properties);
    sd_bus_message_close_container(reply);
}

int reply_list(sd_bus_message* call, const std::vector<Properties>& list) {
    return reply_with(call, [&](sd_bus_message* reply) { append_list(reply, list); });
}

// The arguments as text, for calls(); leaves the message rewound.
std::string arguments_of(sd_bus_message* message) {
    std::string text;
    auto add = [&](const std::string& piece) { text += (text.empty() ? "" : ", ") + piece; };
    char type = 0;
    const char* contents = nullptr;
    while (sd_bus_message_peek_type(message, &type, &contents) > 0) {
        if (type == 'a' && std::strcmp(contents, "s") == 0) {
            std::string list;
            const std::vector<std::string> words = read_strings(message).value();
            for (const std::string& word : words) list += (list.empty() ? "" : " ") + word;
            add("[" + list + "]");
        } else if (type == 'a') {
            std::string list;
            const Properties options = read_properties(message).value();
            for (const auto& [key, value] : options) {
                const auto* flag = std::get_if<bool>(&value);
                const auto* number = std::get_if<std::uint64_t>(&value);
                list += (list.empty() ? "" : " ") + key + "=" +
                        (flag != nullptr     ? (*flag ? "true" : "false")
                         : number != nullptr ? std::to_string(*number)
                                             : "?");
            }
            add("{" + list + "}");
        } else if (type == 's') {
            add(read_string(message).value());
        } else if (type == 't') {
            add(std::to_string(read_u64(message).value()));
        } else {
            std::int32_t number = 0;  // i, b
            sd_bus_message_read_basic(message, type, &number);
            add(std::to_string(number));
        }
    }
    sd_bus_message_rewind(message, 1);
    return text;
}

}  // namespace

const sd_bus_vtable* FakeDaemon::vtable() {
    static const sd_bus_vtable table[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD("CreateDomain", "ssasa{sv}", "t", &on_call, 0),
        SD_BUS_METHOD("ValidateDomain", "ssasa{sv}", "sas", &on_call, 0),
        SD_BUS_METHOD("ListDomains", "", "aa{sv}", &on_call, 0),
        SD_BUS_METHOD("GetDomain", "s", "a{sv}", &on_call, 0),
        SD_BUS_METHOD("PauseDomain", "s", "", &on_call, 0),
        SD_BUS_METHOD("UnpauseDomain", "s", "", &on_call, 0),
        SD_BUS_METHOD("StartDomain", "sa{sv}", "t", &on_call, 0),
        SD_BUS_METHOD("GetDefinition", "s", "saa{sv}", &on_call, 0),
        SD_BUS_METHOD("ShutdownDomain", "sa{sv}", "t", &on_call, 0),
        SD_BUS_METHOD("RebootDomain", "sa{sv}", "t", &on_call, 0),
        SD_BUS_METHOD("DestroyDomain", "s", "t", &on_call, 0),
        SD_BUS_METHOD("DumpCore", "ssa{sv}", "ts", &on_call, 0),
        SD_BUS_METHOD("SendSysrq", "ss", "", &on_call, 0),
        SD_BUS_METHOD("RenameDomain", "ss", "", &on_call, 0),
        SD_BUS_METHOD("StopAllDomains", "a{sv}", "t", &on_call, 0),
        SD_BUS_METHOD("ForgetDomain", "s", "", &on_call, 0),
        SD_BUS_METHOD("OpenConsole", "sst", "h", &on_call, 0),
        SD_BUS_METHOD("OpenConsoleLog", "s", "h", &on_call, 0),
        SD_BUS_METHOD("ListVcpus", "s", "aa{sv}", &on_call, 0),
        SD_BUS_METHOD("PinVcpu", "siss", "", &on_call, 0),
        SD_BUS_METHOD("SetVcpus", "su", "", &on_call, 0),
        SD_BUS_METHOD("SetMemory", "st", "", &on_call, 0),
        SD_BUS_METHOD("SetMaxMemory", "st", "b", &on_call, 0),
        SD_BUS_METHOD("SetShares", "ss", "", &on_call, 0),
        SD_BUS_METHOD("SetDiskLimits", "ss", "", &on_call, 0),
        SD_BUS_METHOD("GetUsage", "", "a{sv}aa{sv}", &on_call, 0),
        SD_BUS_METHOD("GetGuarantees", "stu", "aa{sv}", &on_call, 0),
        SD_BUS_METHOD("ListPools", "", "aa{sv}", &on_call, 0),
        SD_BUS_METHOD("CreatePool", "ss", "", &on_call, 0),
        SD_BUS_METHOD("DestroyPool", "s", "", &on_call, 0),
        SD_BUS_METHOD("RenamePool", "ss", "", &on_call, 0),
        SD_BUS_METHOD("AddPoolCpus", "ss", "", &on_call, 0),
        SD_BUS_METHOD("RemovePoolCpus", "ss", "", &on_call, 0),
        SD_BUS_METHOD("SetPool", "ss", "", &on_call, 0),
        SD_BUS_METHOD("ListVolumes", "s", "aa{sv}aa{sv}", &on_call, 0),
        SD_BUS_METHOD("CreateVolume", "st", "t", &on_call, 0),
        SD_BUS_METHOD("ResizeVolume", "st", "t", &on_call, 0),
        SD_BUS_METHOD("DeleteVolume", "s", "t", &on_call, 0),
        SD_BUS_METHOD("ImportVolume", "sss", "t", &on_call, 0),
        SD_BUS_METHOD("AttachDisk", "ss", "t", &on_call, 0),
        SD_BUS_METHOD("DetachDisk", "ssa{sv}", "t", &on_call, 0),
        SD_BUS_METHOD("ResizeDisk", "sst", "t", &on_call, 0),
        SD_BUS_METHOD("ListDisks", "s", "aa{sv}", &on_call, 0),
        SD_BUS_METHOD("AttachNic", "ss", "t", &on_call, 0),
        SD_BUS_METHOD("DetachNic", "ssa{sv}", "t", &on_call, 0),
        SD_BUS_METHOD("ChangeNic", "sss", "t", &on_call, 0),
        SD_BUS_METHOD("CheckNic", "ss", "sbaa{sv}", &on_call, 0),
        SD_BUS_METHOD("ListNics", "s", "aa{sv}", &on_call, 0),
        SD_BUS_METHOD("GetHostInfo", "", "a{sv}", &on_call, 0),
        SD_BUS_METHOD("ReadHvLog", "tb", "st", &on_call, 0),
        SD_BUS_METHOD("SendDebugKeys", "s", "", &on_call, 0),
        SD_BUS_METHOD("GetPerfCounters", "", "a{st}", &on_call, 0),
        SD_BUS_METHOD("ListJobs", "", "aa{sv}", &on_call, 0),
        SD_BUS_METHOD("WaitJob", "t", "a{sv}", &on_call, 0),
        SD_BUS_METHOD("CancelJob", "t", "", &on_call, 0),
        SD_BUS_VTABLE_END,
    };
    return table;
}

std::vector<std::string> FakeDaemon::methods() {
    std::vector<std::string> list;
    for (const sd_bus_vtable* entry = vtable() + 1; entry->type == _SD_BUS_VTABLE_METHOD; ++entry) {
        list.push_back(std::string(entry->x.method.member) + '(' + entry->x.method.signature + ')' +
                       entry->x.method.result);
    }
    return list;
}

FakeDaemon::FakeDaemon() {
    std::string pattern = (std::filesystem::temp_directory_path() / "hvctl-test-XXXXXX").string();
    directory_ = mkdtemp(pattern.data());
    start();
}

FakeDaemon::~FakeDaemon() {
    stop();
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
}

void FakeDaemon::start() {
    listener_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    wake_ = eventfd(0, EFD_CLOEXEC);
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    std::string path = address();
    path.copy(name.sun_path, sizeof name.sun_path - 1);
    if (bind(listener_, reinterpret_cast<sockaddr*>(&name), sizeof name) != 0 || listen(listener_, 8) != 0)
        std::abort();
    thread_ = std::thread([this] { serve(); });
}

void FakeDaemon::stop() {
    if (!thread_.joinable()) return;
    eventfd_write(wake_, 1);
    thread_.join();
    close(listener_);
    close(wake_);
    unlink(address().c_str());
}

void FakeDaemon::serve() {
    struct Unref {
        void operator()(sd_bus* bus) const { sd_bus_close_unref(bus); }
    };
    std::vector<std::unique_ptr<sd_bus, Unref>> clients;
    while (true) {
        std::vector<pollfd> polled = {{wake_, POLLIN, 0}, {listener_, POLLIN, 0}};
        for (const auto& client : clients) {
            polled.push_back({sd_bus_get_fd(client.get()), static_cast<short>(sd_bus_get_events(client.get())), 0});
        }
        poll(polled.data(), polled.size(), -1);
        if (polled[0].revents != 0) break;
        if (polled[1].revents != 0) {
            sd_bus* bus = nullptr;
            sd_bus_new(&bus);
            sd_id128_t id{};
            sd_id128_randomize(&id);
            int peer = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
            sd_bus_set_fd(bus, peer, peer);
            sd_bus_set_server(bus, 1, id);
            sd_bus_negotiate_fds(bus, 1);
            sd_bus_start(bus);
            sd_bus_add_object_vtable(bus, nullptr, kObject, kName, vtable(), this);
            clients.emplace_back(bus);
        }
        std::erase_if(clients, [](const auto& client) {
            int handled = 0;
            while ((handled = sd_bus_process(client.get(), nullptr)) > 0) {
            }
            return handled < 0;
        });
    }
    std::lock_guard lock(mutex);
    for (sd_bus_message* message : waiting_) sd_bus_message_unref(message);
    waiting_.clear();
}

std::vector<std::string> FakeDaemon::calls() {
    std::lock_guard lock(mutex);
    return calls_;
}

bool FakeDaemon::wait_for_call(const std::string& prefix) {
    std::unique_lock lock(mutex);
    return changed_.wait_for(lock, kLimit, [&] {
        for (const std::string& call : calls_) {
            if (call.starts_with(prefix)) return true;
        }
        return false;
    });
}

int FakeDaemon::take_console() {
    std::unique_lock lock(mutex);
    if (!changed_.wait_for(lock, kLimit, [&] { return !consoles_.empty(); })) return -1;
    int console = consoles_.back();
    consoles_.pop_back();
    return console;
}

int FakeDaemon::on_call(sd_bus_message* message, void* self, sd_bus_error* error) {
    auto* daemon = static_cast<FakeDaemon*>(self);
    std::lock_guard lock(daemon->mutex);
    std::string member = sd_bus_message_get_member(message);
    daemon->calls_.push_back(member + '(' + arguments_of(message) + ')');
    int handled = daemon->answer(message, member, error);
    daemon->changed_.notify_all();
    return handled;
}

int FakeDaemon::fail_call(sd_bus_error* error, const BusError& what) {
    const bool whole = what.name.find('.') != std::string::npos;
    return sd_bus_error_set(error, (whole ? what.name : "org.hvctl1.Error." + what.name).c_str(), what.message.c_str());
}

const Properties* FakeDaemon::find_domain(const std::string& key) const {
    for (const Properties& domain : domains) {
        if (domain.text("name") == key || (domain.has("domid") && std::to_string(domain.number("domid")) == key))
            return &domain;
    }
    return nullptr;
}

int FakeDaemon::answer(sd_bus_message* message, const std::string& member, sd_bus_error* error) {
    if (auto found = errors.find(member); found != errors.end()) return fail_call(error, found->second);
    if (member == "ListDomains") return reply_list(message, domains);
    if (member == "ListJobs") return reply_list(message, jobs);
    if (member == "WaitJob") return answer_wait(message, error);
    if (member == "CancelJob") {
        for (sd_bus_message* waiting : waiting_) {
            if (job_hangs_silently) break;
            sd_bus_reply_method_errorf(waiting, "org.hvctl1.Error.Cancelled",
                                       "HV-E0602: create of hello was cancelled");
        }
        return sd_bus_reply_method_return(message, "");
    }
    if (member == "CreateDomain" || member == "StopAllDomains")
        return sd_bus_reply_method_return(message, "t", std::uint64_t{7});
    if (member == "ValidateDomain") {
        std::string text = read_string(message).value();
        auto found = normalised.find(text);
        return reply_with(message, [&](sd_bus_message* reply) {
            sd_bus_message_append(reply, "s", found == normalised.end() ? "{}" : found->second.c_str());
            append_strings(reply, warnings);
        });
    }
    if (member == "GetDefinition") {
        return reply_with(message, [&](sd_bus_message* reply) {
            sd_bus_message_append(reply, "s", "{\"name\": \"hello\"}");
            sd_bus_message_append(reply, "aa{sv}", 1, 3, "number", "t", std::uint64_t{4}, "source", "s", "hello.yaml",
                                  "definition", "s", "{\"name\": \"hello\"}");
        });
    }
    if (member == "GetUsage") {
        const Usage usage = usages.front();
        if (usages.size() > 1) usages.pop_front();
        return reply_with(message, [&](sd_bus_message* reply) {
            append_dictionary(reply, usage.host);
            append_list(reply, usage.domains);
        });
    }
    if (member == "ListVolumes") {
        return reply_with(message, [&](sd_bus_message* reply) {
            append_list(reply, volume_pools);
            append_list(reply, volumes);
        });
    }
    if (member.ends_with("Volume")) return sd_bus_reply_method_return(message, "t", std::uint64_t{7});
    if (member == "ListPools") return reply_list(message, pools);
    if (member.ends_with("Pool") || member.ends_with("PoolCpus")) return sd_bus_reply_method_return(message, "");
    if (member == "GetGuarantees") return reply_list(message, guarantees);
    if (member.starts_with("Set") || member.ends_with("Domain") || member == "DumpCore" || member == "SendSysrq" ||
        member.ends_with("Vcpus") || member.ends_with("Disk") || member.ends_with("Disks") || member.ends_with("Nic") ||
        member.ends_with("Nics"))
        return answer_about_domain(message, member, error);
    if (member.starts_with("OpenConsole")) return answer_console(message, member);
    return answer_about_host(message, member);
}

int FakeDaemon::answer_about_domain(sd_bus_message* message, const std::string& member, sd_bus_error* error) {
    std::string key = read_string(message).value();
    const Properties* domain = find_domain(key);
    if (domain == nullptr) return fail_call(error, {"NoSuchDomain", "HV-E0201: there is no domain '" + key + "'"});
    if (member == "GetDomain") {
        return reply_with(message, [&](sd_bus_message* reply) { append_dictionary(reply, *domain); });
    }
    if (member == "ListVcpus") return reply_list(message, vcpus[domain->text("name")]);
    if (member == "ListDisks") return reply_list(message, disks[domain->text("name")]);
    if (member == "ListNics") return reply_list(message, nics[domain->text("name")]);
    if (member == "CheckNic") {
        return reply_with(message, [&](sd_bus_message* reply) {
            sd_bus_message_append(reply, "sb", "vif3.0", nic_in_force ? 1 : 0);
            append_list(reply, trials);
        });
    }
    if (member == "SetMaxMemory") return sd_bus_reply_method_return(message, "b", 0);
    if (member.starts_with("Set")) return sd_bus_reply_method_return(message, "");
    if (member == "DumpCore") return sd_bus_reply_method_return(message, "ts", std::uint64_t{7}, "/srv/hello.core");
    if (member == "PauseDomain" || member == "UnpauseDomain" || member == "ForgetDomain" || member == "SendSysrq" ||
        member == "RenameDomain")
        return sd_bus_reply_method_return(message, "");
    return sd_bus_reply_method_return(message, "t", std::uint64_t{7});
}

int FakeDaemon::answer_console(sd_bus_message* message, const std::string& member) {
    std::array<int, 2> ends{};
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) return -errno;
    if (member == "OpenConsole") {
        consoles_.push_back(ends[1]);
    } else {
        static_cast<void>(write(ends[1], console_log.data(), console_log.size()));
        close(ends[1]);
    }
    int sent = sd_bus_reply_method_return(message, "h", ends[0]);
    close(ends[0]);
    return sent;
}

int FakeDaemon::answer_wait(sd_bus_message* message, sd_bus_error* error) {
    std::uint64_t job = read_u64(message).value();
    for (const Properties& step : progress) {
        sd_bus_message* signal = nullptr;
        sd_bus_message_new_signal(sd_bus_message_get_bus(message), &signal, kObject, kName, "JobChanged");
        Message owner(signal);
        sd_bus_message_append(signal, "t", job);
        append_dictionary(signal, step);
        sd_bus_send(nullptr, signal, nullptr);
    }
    if (job_hangs || job_hangs_silently) {
        waiting_.push_back(sd_bus_message_ref(message));
        return 1;
    }
    if (job_error) return fail_call(error, *job_error);
    return reply_with(message, [&](sd_bus_message* reply) {
        append_dictionary(reply, {{"id", job}, {"state", std::string("done")}, {"domain", job_domain}});
    });
}

int FakeDaemon::answer_about_host(sd_bus_message* message, const std::string& member) {
    if (member == "GetHostInfo") {
        return reply_with(message, [&](sd_bus_message* reply) { append_dictionary(reply, host); });
    }
    if (member == "GetPerfCounters") {
        return reply_with(message, [&](sd_bus_message* reply) {
            sd_bus_message_open_container(reply, 'a', "{st}");
            for (const auto& [name, value] : counters) {
                sd_bus_message_append(reply, "{st}", name.c_str(), std::get<std::uint64_t>(value));
            }
            sd_bus_message_close_container(reply);
        });
    }
    if (member == "ReadHvLog") {
        std::uint64_t position = read_u64(message).value();
        std::string rest =
            position < hv_log.size() ? hv_log.substr(position, 16) : "";  // small pieces, as a ring may give
        return sd_bus_reply_method_return(message, "st", rest.c_str(), position + rest.size());
    }
    return sd_bus_reply_method_return(message, "");  // PinVcpu, SendDebugKeys
}

}  // namespace hvctl::cli::test
