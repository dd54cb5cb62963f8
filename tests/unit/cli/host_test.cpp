#include "host.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>

#include "bus/connection.hpp"

namespace hvctl::cli {
namespace {

class HostTest : public testing::Test {
  protected:
    std::filesystem::path root_;
    void SetUp() override {
        std::string pattern = (std::filesystem::temp_directory_path() / "hvctl-host-XXXXXX").string();
        root_ = mkdtemp(pattern.data());
    }
    void TearDown() override { std::filesystem::remove_all(root_); }
    void put(const std::string& path, const std::string& text) const {
        std::filesystem::create_directories((root_ / path).parent_path());
        std::ofstream(root_ / path) << text;
    }
    Failure explain(int error, bool is_root = true) const {
        return explain_unreachable({.root = root_, .is_root = is_root, .error = error, .address = "/run/hvctl/bus"});
    }
};

TEST_F(HostTest, AMachineWithoutHvIsToldApart) {
    EXPECT_EQ(look_at_host(root_), Host::Bare);
    EXPECT_EQ(explain(ENOENT).code, ExitCode::NotOnHv);
    EXPECT_NE(explain(ENOENT).message.find("not booted on hv"), std::string::npos);
    put("sys/hypervisor/type", "xen\n");
    EXPECT_EQ(look_at_host(root_), Host::Dom0);
    EXPECT_EQ(explain(ENOENT).code, ExitCode::Unreachable);
}

TEST_F(HostTest, AnotherHypervisorIsNotHv) {
    put("sys/hypervisor/type", "kvm\n");
    EXPECT_EQ(look_at_host(root_), Host::Bare);
}

TEST_F(HostTest, AXenHostAndAGuestAreToldApart) {
    put("sys/hypervisor/type", "xen\n");
    put("sys/hypervisor/version/extra", ".4-pre\n");
    EXPECT_EQ(look_at_host(root_), Host::OtherHypervisor);
    EXPECT_EQ(explain(ENOENT).code, ExitCode::NotOnHv);
    EXPECT_NE(explain(ENOENT).message.find("another hypervisor"), std::string::npos);
    put("sys/hypervisor/version/extra", ".0-hv\n");
    put("sys/hypervisor/properties/features", "00000705\n");
    EXPECT_EQ(look_at_host(root_), Host::Guest);
    EXPECT_NE(explain(ENOENT).message.find("is a guest itself"), std::string::npos);
    put("sys/hypervisor/properties/features", "00000f05\n");
    EXPECT_EQ(look_at_host(root_), Host::Dom0);
    EXPECT_EQ(explain(EACCES, false).code, ExitCode::Permission);
}

TEST_F(HostTest, TheRemedyFitsTheCause) {
    put("proc/xen/capabilities", "control_d\n");
    EXPECT_EQ(explain(ENOENT).message,
              "hvctld is not running\nStart it with 'systemctl start hvctld'. Guests are not affected.");
    EXPECT_NE(explain(ENOENT, false).message.find("sudo systemctl"), std::string::npos);
    EXPECT_NE(explain(ECONNREFUSED).message.find("hvctld has stopped"), std::string::npos);
    EXPECT_EQ(explain(EACCES, false).code, ExitCode::Permission);
}

TEST_F(HostTest, AnAddressOfTheUsersOwnIsBlamed) {
    Failure failure = explain_unreachable({.root = root_, .error = ENOENT, .address = "/x", .is_default = false});
    EXPECT_EQ(failure.code, ExitCode::Unreachable);
    EXPECT_EQ(failure.message, "cannot connect to hvctld at /x: No such file or directory\nCheck --bus and HVCTL_BUS.");
}

// The system bus's broker refuses what is not root's, in terms of its own configuration.
TEST(Errors, TheBrokersRefusalSaysWhatToDo) {
    sd_bus_error error = SD_BUS_ERROR_MAKE_CONST(
        SD_BUS_ERROR_ACCESS_DENIED, "Rejected send message, 2 matched rules; type=\"method_call\", sender=\":1.7\"");
    const Failure failure = failure_of(error);
    EXPECT_EQ(failure.code, ExitCode::Permission);
    EXPECT_NE(failure.message.find("sudo"), std::string::npos) << failure.message;
    EXPECT_EQ(failure.message.find("Rejected"), std::string::npos) << failure.message;
}

}  // namespace
}  // namespace hvctl::cli
