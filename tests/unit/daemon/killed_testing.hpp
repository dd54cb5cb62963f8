// The daemon as a program over a hypervisor that outlives it, to be killed with -9 and started again.
#pragma once

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "bus/message.hpp"
#include "daemon_program.hpp"
#include "store/message.hpp"
#include "testing.hpp"

namespace hvctld::test {

using Properties = std::map<std::string, std::string>;

inline constexpr auto kPatience = std::chrono::seconds(240);  // a loaded machine, never a measure

class KilledProgram : public testing::Test {
  protected:
    void connect() {
        sd_bus* raw = nullptr;
        ASSERT_GE(sd_bus_new(&raw), 0);
        bus.reset(raw);
        ASSERT_GE(sd_bus_set_address(raw, ("unix:path=" + daemon.bus_path()).c_str()), 0);
        ASSERT_GE(sd_bus_start(raw), 0);
    }
    void start(const std::string& hold = {}) {
        daemon.start(hold);
        connect();
    }

    bus::Message call(const char* method, const char* types = "", const char* text = nullptr) {
        sd_bus_error error = SD_BUS_ERROR_NULL;
        sd_bus_message* raw = nullptr;
        sd_bus_message* message = make(method, types, text);
        sd_bus_call(bus.get(), message, UINT64_MAX, &error, &raw);
        sd_bus_message_unref(message);
        EXPECT_FALSE(sd_bus_error_is_set(&error)) << method << ": " << error.message;
        sd_bus_error_free(&error);
        return bus::Message{raw};
    }
    // Asks and does not wait: the daemon may stand still before it answers.
    void send(const char* method, const char* types, const char* text = nullptr) {
        sd_bus_message* message = make(method, types, text);
        EXPECT_GE(sd_bus_send(bus.get(), message, nullptr), 0);
        sd_bus_flush(bus.get());
        sd_bus_message_unref(message);
    }
    sd_bus_message* make(const char* method, const std::string& types, const char* text) const {
        sd_bus_message* message = nullptr;
        sd_bus_message_new_method_call(bus.get(), &message, "org.hvctl1", "/org/hvctl1", "org.hvctl1.Manager", method);
        if (types.starts_with('s')) sd_bus_message_append(message, "s", text);
        if (types.starts_with("ss")) sd_bus_message_append(message, "sas", "test.yaml", 0);
        if (types.ends_with("a{sv}")) sd_bus_message_append(message, "a{sv}", 0);
        return message;
    }

    // Of an a{sv}, numbers in decimal.
    static Properties read_properties(sd_bus_message* message) {
        Properties properties;
        while (sd_bus_message_enter_container(message, 'e', "sv") > 0) {
            const char* key = nullptr;
            const char* contents = nullptr;
            sd_bus_message_read(message, "s", &key);
            sd_bus_message_peek_type(message, nullptr, &contents);
            const std::string type = contents;
            sd_bus_message_enter_container(message, 'v', contents);
            if (type == "s") {
                const char* text = nullptr;
                sd_bus_message_read(message, "s", &text);
                properties[key] = text;
            } else if (type == "t") {
                std::uint64_t number = 0;
                sd_bus_message_read(message, "t", &number);
                properties[key] = std::to_string(number);
            } else if (type == "b") {
                int truth = 0;
                sd_bus_message_read(message, "b", &truth);
                properties[key] = truth != 0 ? "true" : "false";
            } else if (type == "u") {
                std::uint32_t number = 0;
                sd_bus_message_read(message, "u", &number);
                properties[key] = std::to_string(number);
            } else {
                sd_bus_message_skip(message, type.c_str());
            }
            sd_bus_message_exit_container(message);
            sd_bus_message_exit_container(message);
        }
        return properties;
    }
    Properties properties_of(const char* method) {
        const bus::Message reply = call(method);
        sd_bus_message_enter_container(reply.get(), 'a', "{sv}");
        return read_properties(reply.get());
    }
    std::vector<Properties> list_of(const char* method, const char* domain = nullptr) {
        const bus::Message reply = call(method, domain == nullptr ? "" : "s", domain);
        std::vector<Properties> list;
        sd_bus_message_enter_container(reply.get(), 'a', "a{sv}");
        while (sd_bus_message_enter_container(reply.get(), 'a', "{sv}") > 0) {
            list.push_back(read_properties(reply.get()));
            sd_bus_message_exit_container(reply.get());
        }
        return list;
    }
    // The store's nodes below `path`, as a program of Dom0 sees them.
    std::size_t count_in_store(const std::string& path) {
        const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        const UniqueFd owned{fd};
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        daemon.store_path().copy(address.sun_path, sizeof address.sun_path - 1);
        EXPECT_EQ(::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
        const std::string request =
            store::encode_message(store::MessageType::Directory, 1, 0, path + std::string(1, '\0'));
        EXPECT_EQ(write(fd, request.data(), request.size()), static_cast<ssize_t>(request.size()));
        store::RequestAssembler reply;
        for (char byte = 0; read(fd, &byte, 1) == 1;) {
            if (!reply.append({&byte, 1})) continue;
            const std::string payload = reply.take().payload;
            if (payload == std::string_view{"ENOENT\0", 7} || payload == std::string_view{"\0", 1}) return 0;
            return static_cast<std::size_t>(std::ranges::count(payload, '\0'));
        }
        ADD_FAILURE() << "the store does not answer";
        return 0;
    }

    void wait_for_jobs() {
        const auto runs = [](const Properties& job) {
            return job.at("state") == "running" || job.at("state") == "queued";
        };
        const auto deadline = std::chrono::steady_clock::now() + kPatience;
        while (std::ranges::any_of(list_of("ListJobs"), runs)) {
            ASSERT_LT(std::chrono::steady_clock::now(), deadline) << "a job runs for ever";
            std::this_thread::sleep_for(std::chrono::milliseconds(20));
        }
    }
    std::string state_of(const std::string& name) {
        for (const Properties& domain : list_of("ListDomains")) {
            if (domain.at("name") == name) return domain.at("state");
        }
        return "(not there)";
    }

    [[nodiscard]] std::string definition(const std::string& name, const std::string& more = {}) const {
        return fmt::format("name: {}\nmemory: 128MiB\nkernel: {}\n{}", name, kernel, more);
    }
    void create(const std::string& name, const std::string& more = {}) {
        call("CreateDomain", "ssasa{sv}", definition(name, more).c_str());
        wait_for_jobs();
        ASSERT_EQ(state_of(name), "running");
    }

    TemporaryFolder folder;
    std::string kernel = folder.file("vmlinuz", "KERNEL");
    DaemonProgram daemon{folder};
    bus::Bus bus;
};

}  // namespace hvctld::test
