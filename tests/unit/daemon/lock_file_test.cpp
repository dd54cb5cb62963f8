// Two daemons over the same guests would each take the other's for left over.
#include "base/lock_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sched.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <fstream>
#include <iterator>

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

TEST(LockFile, ALivingHolderIsNotWaitedFor) {
    const TemporaryFolder folder;
    const auto first = take_lock(folder / "lock");
    const auto second = take_lock_of_the_living(folder / "lock", [](const std::string&) { FAIL(); });
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().id(), ErrorId::Busy);
}

// A thread of a process whose first one has ended, as one that a disk does not answer outlives a kill.
int outlive(void* pipe_end) {
    char byte = 0;
    (void)!read(*static_cast<int*>(pipe_end), &byte, 1);
    return 0;
}

TEST(LockFile, OneThatIsAllButGoneIsWaitedFor) {
    const TemporaryFolder folder;
    const std::string path = folder / "lock";
    std::array<int, 2> ends{};
    ASSERT_EQ(pipe(ends.data()), 0);
    static std::array<char, 64 * 1024> stack;
    const pid_t holder = fork();
    if (holder == 0) {  // from here on only calls that a forked process may make
        const int lock = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        std::array<char, 16> self{};
        const auto end = std::to_chars(self.begin(), self.end(), getpid()).ptr;
        if (flock(lock, LOCK_EX) != 0 || write(lock, self.data(), static_cast<std::size_t>(end - self.data())) < 0)
            _exit(1);
        constexpr int kThread = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM;
        clone(outlive, stack.data() + stack.size(), kThread, &ends[0]);
        syscall(SYS_exit, 0);
    }
    const auto state = [&] {
        std::ifstream file{fmt::format("/proc/{}/status", holder)};
        return std::string{std::istreambuf_iterator<char>{file}, {}};
    };
    while (state().find("State:\tZ") == std::string::npos) usleep(1000);
    int told = 0;
    const auto lock = take_lock_of_the_living(path, [&](const std::string& reason) {
        EXPECT_NE(reason.find(fmt::format("process {}", holder)), std::string::npos) << reason;
        if (++told != 2) return;
        EXPECT_EQ(write(ends[1], "", 1), 1);
    });
    EXPECT_TRUE(lock) << lock.error().text();
    EXPECT_GE(told, 2);
    EXPECT_EQ(waitpid(holder, nullptr, 0), holder);
    for (const int end : ends) close(end);
}

}  // namespace
}  // namespace hvctld::test
