#include "hv/x86/boot/module_roles.hpp"

#include <gtest/gtest.h>

namespace hv::x86 {
namespace {

using Index = std::optional<std::size_t>;

void expect_roles(std::size_t count, std::optional<int> wanted, Index initrd, Index microcode) {
    const ModuleRoles roles = assign_modules(count, {.module = wanted, .scan = false});
    EXPECT_EQ(roles.initrd, initrd) << count;
    EXPECT_EQ(roles.microcode, microcode) << count;
}

TEST(ModuleRoles, TheInitrdIsTheFirstThatIsNothingElse) {
    expect_roles(0, std::nullopt, {}, {});
    expect_roles(1, std::nullopt, {}, {});
    expect_roles(2, std::nullopt, 1, {});
    expect_roles(3, 2, 1, 2);
    expect_roles(3, 1, 2, 1);
    expect_roles(2, 1, {}, 1);
}

TEST(ModuleRoles, MicrocodeFromTheEndAndWhereThereIsNone) {
    expect_roles(3, -1, 1, 2);
    expect_roles(3, -2, 2, 1);
    expect_roles(3, -3, 1, {});  // Dom0's kernel
    expect_roles(3, 0, 1, {});
    expect_roles(3, -4, 1, {});
    expect_roles(3, 3, 1, {});
    expect_roles(0, -1, {}, {});
}

}  // namespace
}  // namespace hv::x86
