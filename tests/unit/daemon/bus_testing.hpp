// What the bus's tests share: the private socket over a fake host, and clients of it in threads of their own.
#pragma once

#include <systemd/sd-bus.h>

#include <atomic>
#include <thread>
#include <vector>

#include "bus/private_server.hpp"
#include "testing.hpp"

namespace hvctld::test {

class BusTest : public HostTest {
  protected:
    BusTest() : object{*process->manager} {
        server = std::move(bus::PrivateServer::create(*process->loop, object, folder / "bus").value());
    }
    ~BusTest() override {
        server.reset();
        process->loop->run_once(false);
    }

    // A connection as a client makes it; may be called from any thread.
    [[nodiscard]] bus::Bus connect() const {
        sd_bus* bus = nullptr;
        EXPECT_GE(sd_bus_new(&bus), 0);
        bus::Bus owned{bus};
        EXPECT_GE(sd_bus_set_address(bus, ("unix:path=" + (folder / "bus")).c_str()), 0);
        EXPECT_GE(sd_bus_negotiate_fds(bus, 1), 0);
        EXPECT_GE(sd_bus_start(bus), 0);
        return owned;
    }

    // Runs `client` in `count` threads at once and serves them until all are done.
    void with_threads(unsigned count, const std::function<void()>& client) {
        std::atomic<unsigned> left = count;
        std::vector<std::jthread> threads;
        for (unsigned i = 0; i < count; ++i) {
            threads.emplace_back([&] {
                client();
                --left;
                process->loop->post([] {});
            });
        }
        process->run_until([&] { return left == 0; });
    }

    // Runs `client` in a thread with a connection and serves it until it is done.
    void with_client(const std::function<void(sd_bus*)>& client) {
        with_threads(1, [&] {
            const bus::Bus bus = connect();
            client(bus.get());
            sd_bus_flush(bus.get());
        });
    }

    struct Reply {
        bus::Message message;
        std::string error_name, error_text;
    };
    template <class... Arguments>
    static Reply call(sd_bus* bus, const char* method, const char* types, Arguments... arguments) {
        sd_bus_error error = SD_BUS_ERROR_NULL;
        sd_bus_message* raw = nullptr;
        sd_bus_call_method(bus, "org.hvctl1", bus::kObjectPath, bus::kInterface, method, &error, &raw, types,
                           arguments...);
        Reply reply{bus::Message{raw}, error.name ? error.name : "", error.message ? error.message : ""};
        sd_bus_error_free(&error);
        return reply;
    }
    static std::uint64_t job_of(const Reply& reply) {
        std::uint64_t job = 0;
        EXPECT_GE(sd_bus_message_read(reply.message.get(), "t", &job), 0) << reply.error_text;
        return job;
    }

    bus::ManagerObject object;
    std::unique_ptr<bus::PrivateServer> server;
};

}  // namespace hvctld::test
