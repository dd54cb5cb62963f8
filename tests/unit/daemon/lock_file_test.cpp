// Two daemons over the same guests would each take the other's for left over.
#include "base/lock_file.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include "testing.hpp"

namespace hvctld::test {
namespace {

TEST(LockFile, IsOneProcessesAtATime) {
    const TemporaryFolder folder;
    auto first = take_lock(folder / "lock");
    ASSERT_TRUE(first) << first.error().text();
    const auto second = take_lock(folder / "lock");
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().id(), ErrorId::Busy);
    EXPECT_NE(second.error().message().find(fmt::format("process {})", getpid())), std::string::npos)
        << second.error().message();
    *first = {};
    EXPECT_TRUE(take_lock(folder / "lock"));
}

}  // namespace
}  // namespace hvctld::test
