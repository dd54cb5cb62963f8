// The settings' file, and what is in force while it has mistakes.
#include "host/settings_file.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "testing.hpp"

namespace hvctld::test {
namespace {

TEST(SettingsFile, MistakesLeaveTheSettingsOfTheLastStartInForce) {
    const TemporaryFolder folder;
    const std::string copy = folder / "copy";
    const std::string path = folder.file("hvctl.yaml", "create_deadline: 77s\n");
    auto found = host::settings_in_force(path, copy);
    ASSERT_TRUE(found) << found.error().text();
    EXPECT_EQ(found->settings.create_deadline_seconds, 77u);
    EXPECT_EQ(found->trouble, "");

    std::ofstream{path} << "create_deadline: soon\n";
    found = host::settings_in_force(path, copy);
    ASSERT_TRUE(found) << found.error().text();
    EXPECT_EQ(found->settings.create_deadline_seconds, 77u);
    EXPECT_NE(found->trouble.find("hvctl.yaml:1:"), std::string::npos) << found->trouble;
    EXPECT_NE(found->trouble.find("last start"), std::string::npos) << found->trouble;

    // After a boot of the host no guest runs by anything.
    std::filesystem::remove(copy);
    EXPECT_FALSE(host::settings_in_force(path, copy));

    std::filesystem::remove(path);
    found = host::settings_in_force(path, copy);
    ASSERT_TRUE(found);
    EXPECT_NE(found->settings.create_deadline_seconds, 77u);
}

}  // namespace
}  // namespace hvctld::test
