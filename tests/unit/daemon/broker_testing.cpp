#include "broker_testing.hpp"

#include <fmt/format.h>

#include <chrono>
#include <cstdlib>
#include <utility>

namespace hvctld::test {
namespace {

constexpr auto kPatience = std::chrono::seconds(120);  // a loaded machine, never a measure
constexpr std::uint64_t kLookUs = 5'000;

bus::Bus open_system() {
    sd_bus* raw = nullptr;
    EXPECT_GE(sd_bus_open_system(&raw), 0);
    return bus::Bus{raw};
}

}  // namespace

Broker::Broker(const TemporaryFolder& folder) : Broker{"unix:path=" + (folder / "system_bus"), folder} {}

Broker::Broker(const std::string& address, const TemporaryFolder& folder)
    : daemon_{folder.file("broker.conf", fmt::format(R"(<busconfig><type>system</type>
<listen>{}</listen><auth>EXTERNAL</auth>
<policy context="default"><allow user="*"/><allow own="*"/><deny send_type="method_call"/><allow send_type="signal"/>
<allow send_requested_reply="true" send_type="method_return"/><allow send_requested_reply="true" send_type="error"/>
<allow receive_type="method_call"/><allow receive_type="method_return"/><allow receive_type="error"/>
<allow receive_type="signal"/><allow send_destination="org.freedesktop.DBus"/>
<allow send_destination="org.freedesktop.PolicyKit1"/></policy>
<include>{}</include></busconfig>)",
                                                     address, HV_BUS_POLICY))} {
    setenv("DBUS_SYSTEM_BUS_ADDRESS", address.c_str(), 1);
}

Broker::~Broker() {
    unsetenv("DBUS_SYSTEM_BUS_ADDRESS");
}

FakePolkit::FakePolkit() : bus_{open_system()} {
    EXPECT_GE(sd_bus_request_name(bus_.get(), "org.freedesktop.PolicyKit1", 0), 0);
    thread_ = std::jthread{[this](const std::stop_token& stop) { serve(stop); }};
}

FakePolkit::~FakePolkit() {
    thread_.request_stop();
    thread_.join();
}

void FakePolkit::answer(std::optional<Answer> answer) {
    const std::lock_guard guard{mutex_};
    granted_.clear();
    answer_ = answer;
}

void FakePolkit::grant(std::set<std::string> actions) {
    const std::lock_guard guard{mutex_};
    granted_ = std::move(actions);
    answer_ = Answer{};
}

std::vector<FakePolkit::Question> FakePolkit::questions(std::size_t count) {
    std::unique_lock guard{mutex_};
    EXPECT_TRUE(changed_.wait_for(guard, kPatience, [&] { return questions_.size() >= count; }));
    return questions_;
}

std::vector<std::string> FakePolkit::cancelled(std::size_t count) {
    std::unique_lock guard{mutex_};
    EXPECT_TRUE(changed_.wait_for(guard, kPatience, [&] { return cancelled_.size() >= count; }));
    return cancelled_;
}

void FakePolkit::serve(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
        sd_bus_message* raw = nullptr;
        const int status = sd_bus_process(bus_.get(), &raw);
        const bus::Message message{raw};
        if (status < 0) return;
        if (raw != nullptr) take(raw);
        answer_held();
        if (status == 0) sd_bus_wait(bus_.get(), kLookUs);
    }
}

void FakePolkit::take(sd_bus_message* message) {
    const std::lock_guard guard{mutex_};
    const char* interface = "org.freedesktop.PolicyKit1.Authority";
    if (sd_bus_message_is_method_call(message, interface, "CancelCheckAuthorization") > 0) {
        const char* id = nullptr;
        EXPECT_GT(sd_bus_message_read(message, "s", &id), 0);
        cancelled_.emplace_back(id);
    } else if (sd_bus_message_is_method_call(message, interface, "CheckAuthorization") > 0) {
        const char* subject = nullptr;
        const char* key = nullptr;
        const char* client = nullptr;
        const char* action = nullptr;
        const char* id = nullptr;
        std::uint32_t flags = 0;
        EXPECT_GT(sd_bus_message_read(message, "(sa{sv})s", &subject, 1, &key, "s", &client, &action), 0);
        EXPECT_GT(sd_bus_message_skip(message, "a{ss}"), 0);
        EXPECT_GT(sd_bus_message_read(message, "us", &flags, &id), 0);
        EXPECT_STREQ(key, "name");
        questions_.push_back({subject, client, action, flags, id});
        held_.emplace_back(sd_bus_message_ref(message));
    }
    changed_.notify_all();
}

void FakePolkit::answer_held() {
    const std::lock_guard guard{mutex_};
    if (!answer_) return;
    for (const bus::Message& held : std::exchange(held_, {})) {
        sd_bus_message_rewind(held.get(), 1);
        const char* action = nullptr;
        sd_bus_message_skip(held.get(), "(sa{sv})");
        sd_bus_message_read(held.get(), "s", &action);
        const int granted = answer_->granted || granted_.contains(action) ? 1 : 0;
        const int challenge = answer_->challenge ? 1 : 0;
        const int status =
            answer_->dismissed
                ? sd_bus_reply_method_return(held.get(), "(bba{ss})", granted, challenge, 1, "polkit.dismissed", "true")
                : sd_bus_reply_method_return(held.get(), "(bba{ss})", granted, challenge, 0);
        EXPECT_GE(status, 0);
    }
}

bus::Bus BrokerTest::connect_to_broker() {
    bus::Bus bus = open_system();
    for (int there = 0; there == 0;) {
        sd_bus_message* raw = nullptr;
        EXPECT_GE(sd_bus_call_method(bus.get(), "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus",
                                     "NameHasOwner", nullptr, &raw, "s", "org.hvctl1"),
                  0);
        const bus::Message reply{raw};
        if (raw == nullptr || sd_bus_message_read(raw, "b", &there) <= 0) break;
        if (there == 0) std::this_thread::sleep_for(std::chrono::microseconds(kLookUs));
    }
    return bus;
}

}  // namespace hvctld::test
