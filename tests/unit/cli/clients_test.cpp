// Sixty clients at once against the real daemon, over a hypervisor in memory: none hangs, also when the daemon is
// killed in the middle, and the next daemon serves all.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <thread>

#include "process.hpp"

namespace hvctl::cli::test {
namespace {

constexpr unsigned kClients = 60;
constexpr auto kPatience = std::chrono::seconds(240);  // a loaded machine, never a measure
constexpr int kServed = 0;
constexpr int kUnreachable = 4;

class ClientsTest : public testing::Test {
  protected:
    ClientsTest() {
        std::string pattern = (std::filesystem::temp_directory_path() / "hvctl-clients-XXXXXX").string();
        folder_ = mkdtemp(pattern.data());
    }
    ~ClientsTest() override {
        kill_daemon();
        std::filesystem::remove_all(folder_);
    }

    void start_daemon() {
        std::array<int, 2> ends{};
        ASSERT_EQ(pipe2(ends.data(), O_CLOEXEC), 0);
        daemon_ = fork();
        if (daemon_ == 0) {
            dup2(ends[1], STDOUT_FILENO);
            execl(HVCTLD_ON_FAKE, "hvctld_on_fake", "--socket", socket().c_str(), "--state",
                  (folder_ + "/state").c_str(), nullptr);
            _exit(127);
        }
        close(ends[1]);
        char byte = 0;
        EXPECT_EQ(read(ends[0], &byte, 1), 1) << "hvctld_on_fake did not start";
        close(ends[0]);
    }
    void kill_daemon() {
        if (daemon_ <= 0) return;
        kill(daemon_, SIGKILL);
        waitpid(daemon_, nullptr, 0);
        daemon_ = -1;
    }

    std::vector<pid_t> start_clients() const {
        std::vector<pid_t> clients;
        for (unsigned i = 0; i < kClients; ++i) {
            const pid_t child = fork();
            if (child == 0) {
                const int nothing = open("/dev/null", O_RDWR);
                for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) dup2(nothing, stream);
                exec_hvctl({{"--bus", socket(), "list"}, {}, {}});
            }
            clients.push_back(child);
        }
        return clients;
    }
    // How often each exit code came; -1 counts those that never ended.
    static std::map<int, unsigned> codes_of(const std::vector<pid_t>& clients) {
        std::map<int, unsigned> codes;
        const auto deadline = std::chrono::steady_clock::now() + kPatience;
        for (const pid_t client : clients) {
            int status = 0;
            pid_t ended = 0;
            while ((ended = waitpid(client, &status, WNOHANG)) == 0 && std::chrono::steady_clock::now() < deadline)
                std::this_thread::sleep_for(std::chrono::milliseconds(10));
            if (ended == 0) {
                kill(client, SIGKILL);
                waitpid(client, nullptr, 0);
            }
            ++codes[ended == 0 ? -1 : exit_code_of_status(status)];
        }
        return codes;
    }

    std::string socket() const { return folder_ + "/bus"; }

    std::string folder_;
    pid_t daemon_ = -1;
};

TEST_F(ClientsTest, SixtyAtOnceAreServedOrToldThatTheDaemonWasKilled) {
    start_daemon();
    const auto interrupted = start_clients();
    // In the middle: some have been served, some are, some come later.
    siginfo_t first{};
    waitid(P_ALL, 0, &first, WEXITED | WNOWAIT);
    kill_daemon();
    const auto codes = codes_of(interrupted);
    for (const auto& [code, count] : codes)
        EXPECT_TRUE(code == kServed || code == kUnreachable) << count << " clients ended with " << code;

    start_daemon();
    EXPECT_EQ(codes_of(start_clients()), (std::map<int, unsigned>{{kServed, kClients}}));
}

}  // namespace
}  // namespace hvctl::cli::test
