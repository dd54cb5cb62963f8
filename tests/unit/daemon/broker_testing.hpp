// A message bus of the test's own, with hvctld and, where a test wants it, a polkit that says what the test wants.
#pragma once

#include <condition_variable>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "bus/system_bus.hpp"
#include "bus_testing.hpp"
#include "dbus_daemon.hpp"

namespace hvctld::test {

// dbus-daemon with the rules of our package in force, as the system bus of this process.
class Broker {
  public:
    explicit Broker(const TemporaryFolder& folder);
    ~Broker();
    Broker(const Broker&) = delete;
    Broker& operator=(const Broker&) = delete;
    void end() { daemon_.end(); }

  private:
    Broker(const std::string& address, const TemporaryFolder& folder);

    DbusDaemon daemon_;
};

class FakePolkit {
  public:
    struct Question {
        std::string subject;
        std::string client;
        std::string action;
        std::uint32_t flags = 0;
        std::string cancellation_id;
    };
    struct Answer {
        bool granted = false;
        bool challenge = false;
        bool dismissed = false;
    };

    FakePolkit();
    ~FakePolkit();
    FakePolkit(const FakePolkit&) = delete;
    FakePolkit& operator=(const FakePolkit&) = delete;

    // The answer to every question from now on; nothing: no answer before there is one.
    void answer(std::optional<Answer> answer);
    void grant(std::set<std::string> actions);
    // Waits until so many questions have come, and gives all.
    std::vector<Question> questions(std::size_t count);
    // Waits until so many were taken back, and gives their ids.
    std::vector<std::string> cancelled(std::size_t count);

  private:
    void serve(const std::stop_token& stop);
    void take(sd_bus_message* message);
    void answer_held();

    std::mutex mutex_;
    std::condition_variable changed_;
    std::optional<Answer> answer_ = Answer{};
    std::set<std::string> granted_;
    std::vector<Question> questions_;
    std::vector<std::string> cancelled_;
    std::vector<bus::Message> held_;
    bus::Bus bus_;
    std::jthread thread_;  // the last: it uses all of the above
};

class BrokerTest : public BusTest {
  protected:
    BrokerTest() : broker{folder} {}
    ~BrokerTest() override { system_bus.reset(); }

    // No user is trusted: the tests' user stands for any.
    static bus::Authority::Rules for_others() {
        bus::Authority::Rules rules;
        rules.trusted = [](uid_t) { return false; };
        return rules;
    }
    void serve(bus::Authority::Rules rules = {}) {
        system_bus = std::make_unique<bus::SystemBus>(*process->loop, object, std::move(rules));
    }
    // A client of the system bus, which waits until hvctld is there. From any thread.
    static bus::Bus connect_to_broker();
    void with_system_client(const std::function<void(sd_bus*)>& client) {
        with_threads(1, [&] {
            const bus::Bus bus = connect_to_broker();
            client(bus.get());
        });
    }

    Broker broker;
    std::unique_ptr<bus::SystemBus> system_bus;
};

}  // namespace hvctld::test
