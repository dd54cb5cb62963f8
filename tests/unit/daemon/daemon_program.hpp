// The daemon as a program over a hypervisor that outlives it.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <string>

#include "testing.hpp"

namespace hvctld::test {

// hvctld_on_fake in a folder that its hypervisor, store and registry live in.
class DaemonProgram {
  public:
    explicit DaemonProgram(const TemporaryFolder& folder) : folder_{folder} {}
    ~DaemonProgram() { kill(); }
    DaemonProgram(const DaemonProgram&) = delete;
    DaemonProgram& operator=(const DaemonProgram&) = delete;

    // Until it serves. `hold`: VERB/PHASE where it stands still.
    void start(const std::string& hold = {}) {
        std::array<int, 2> ends{};
        ASSERT_EQ(pipe2(ends.data(), O_CLOEXEC), 0);
        const std::string socket = bus_path();
        const std::string state = folder_ / "state";
        child_ = fork();
        if (child_ == 0) {
            dup2(ends[1], STDOUT_FILENO);
            execl(HVCTLD_ON_FAKE, "hvctld_on_fake", "--socket", socket.c_str(), "--state", state.c_str(), "--hold",
                  hold.c_str(), nullptr);
            _exit(127);
        }
        close(ends[1]);
        output_ = UniqueFd{ends[0]};
        wait_for("serving ");
    }
    // Until it says a line that begins so.
    void wait_for(const std::string& beginning) {
        std::string line;
        for (char byte = 0; read(output_.get(), &byte, 1) == 1;) {
            if (byte != '\n') {
                line += byte;
            } else if (line.starts_with(beginning)) {
                return;
            } else {
                line.clear();
            }
        }
        FAIL() << "hvctld_on_fake has ended before it said \"" << beginning << "\"";
    }
    void kill() {
        if (child_ <= 0) return;
        ::kill(child_, SIGKILL);
        waitpid(child_, nullptr, 0);
        child_ = -1;
    }

    [[nodiscard]] std::string bus_path() const { return folder_ / "bus"; }
    [[nodiscard]] std::string store_path() const { return folder_ / "state/xenstored"; }

  private:
    const TemporaryFolder& folder_;
    pid_t child_ = -1;
    UniqueFd output_;
};

}  // namespace hvctld::test
