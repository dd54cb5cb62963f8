// The names of helpers: what finds them again after a restart of the daemon.
#include "base/helper.hpp"

#include <algorithm>
#include <filesystem>

#include "testing.hpp"

namespace hvctld::test {
namespace {

TEST(Helper, IsKnownByItsKindAndName) {
    const HelperKind kind{"hvctl-disk", "/run/hvctl-disks"};
    EXPECT_EQ(Helper(kind, "0123456789abcdef").unit(), "hvctl-disk@0123456789abcdef.service");
    EXPECT_EQ(Helper(kind, "0123456789abcdef").folder(), "/run/hvctl-disks/0123456789abcdef");
    // As systemd-escape(1) has it; the unit's %I is the name again.
    EXPECT_EQ(Helper(kind, "br-0").unit(), "hvctl-disk@br\\x2d0.service");
}

TEST(Helper, IsFoundAgainByItsFolder) {
    const TemporaryFolder folder;
    const HelperKind kind{"hvctl-disk", folder / "disks"};
    EXPECT_TRUE(Helper::names(kind).empty());  // no folder at all
    for (const char* name : {"a", "b"}) std::filesystem::create_directories(Helper{kind, name}.folder());
    auto names = Helper::names(kind);
    std::ranges::sort(names);
    EXPECT_EQ(names, (std::vector<std::string>{"a", "b"}));
    Helper{kind, "a"}.forget();
    EXPECT_EQ(Helper::names(kind), std::vector<std::string>{"b"});
}

}  // namespace
}  // namespace hvctld::test
