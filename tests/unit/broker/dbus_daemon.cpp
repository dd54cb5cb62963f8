#include "dbus_daemon.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <utility>

DbusDaemon::DbusDaemon(const std::string& config) {
    std::array<int, 2> ends{};
    EXPECT_EQ(pipe(ends.data()), 0);
    process_ = fork();
    if (process_ == 0) {
        close(ends[0]);
        execlp("dbus-daemon", "dbus-daemon", "--nofork", "--nopidfile", "--nosyslog",
               ("--config-file=" + config).c_str(), ("--print-address=" + std::to_string(ends[1])).c_str(), nullptr);
        _exit(127);
    }
    close(ends[1]);
    char byte = 0;
    EXPECT_EQ(read(ends[0], &byte, 1), 1) << "dbus-daemon did not start: the package dbus-daemon has it";
    close(ends[0]);
}

void DbusDaemon::end() {
    if (process_ <= 0) return;
    kill(process_, SIGKILL);
    waitpid(std::exchange(process_, -1), nullptr, 0);
}
