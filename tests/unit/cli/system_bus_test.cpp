// hvctl on the system bus: polkit may ask the user for a password, and what it refuses is told in hvctld's words.
#include <gtest/gtest.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <optional>
#include <thread>

#include "dbus_daemon.hpp"
#include "process.hpp"

namespace hvctl::cli::test {
namespace {

constexpr std::uint64_t kLookUs = 5'000;

class SystemBusTest : public testing::Test {
  protected:
    SystemBusTest() {
        std::string pattern = (std::filesystem::temp_directory_path() / "hvctl-broker-XXXXXX").string();
        folder_ = mkdtemp(pattern.data());
        address_ = "unix:path=" + folder_ + "/bus";
        std::ofstream{folder_ + "/conf"}
            << "<busconfig><listen>" << address_ << "</listen><auth>EXTERNAL</auth>"
            << R"(<policy context="default"><allow user="*"/><allow own="*"/>)"
            << R"(<allow send_destination="*"/><allow receive_sender="*"/></policy></busconfig>)";
        broker_.emplace(folder_ + "/conf");
        sd_bus_new(&bus_);
        sd_bus_set_address(bus_, address_.c_str());
        sd_bus_set_bus_client(bus_, 1);
        EXPECT_GE(sd_bus_start(bus_), 0);
        EXPECT_GE(sd_bus_request_name(bus_, "org.hvctl1", 0), 0);
        thread_ = std::jthread{[this](const std::stop_token& stop) { serve(stop); }};
    }
    ~SystemBusTest() override {
        thread_.request_stop();
        thread_.join();
        sd_bus_flush_close_unref(bus_);
        broker_.reset();
        std::filesystem::remove_all(folder_);
    }

    Outcome hvctl(std::vector<std::string> arguments) const {
        return run_hvctl(
            {.arguments = std::move(arguments), .input = {}, .environment = {{"DBUS_SYSTEM_BUS_ADDRESS", address_}}});
    }

    std::atomic<int> calls_ = 0;
    std::atomic<bool> interactive_ = false;

  private:
    // Refuses whatever is called.
    void serve(const std::stop_token& stop) {
        while (!stop.stop_requested()) {
            sd_bus_message* message = nullptr;
            const int status = sd_bus_process(bus_, &message);
            if (message != nullptr && sd_bus_message_is_method_call(message, "org.hvctl1.Manager", nullptr) > 0) {
                interactive_ = sd_bus_message_get_allow_interactive_authorization(message) > 0;
                ++calls_;
                sd_bus_reply_method_errorf(message, "org.hvctl1.Error.AuthorizationRequired",
                                           "HV-E0011: authorise first");
            }
            sd_bus_message_unref(message);
            if (status == 0) sd_bus_wait(bus_, kLookUs);
        }
    }

    std::string folder_;
    std::string address_;
    std::optional<DbusDaemon> broker_;
    sd_bus* bus_ = nullptr;
    std::jthread thread_;
};

TEST_F(SystemBusTest, APasswordMayBeAskedFor) {
    const Outcome outcome = hvctl({"--bus", "system", "list"});
    EXPECT_EQ(calls_, 1);
    EXPECT_TRUE(interactive_);
    EXPECT_EQ(outcome.code, 5) << outcome.err;
    EXPECT_NE(outcome.err.find("HV-E0011: authorise first"), std::string::npos) << outcome.err;
}

}  // namespace
}  // namespace hvctl::cli::test
