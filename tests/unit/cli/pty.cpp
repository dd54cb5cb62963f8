#include "pty.hpp"

#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>

namespace hvctl::cli::test {
namespace {

constexpr int kLimit = 60'000;  // milliseconds; only a hang gets there

constexpr int kStopped = 255;

// As a shell with job control: we keep the foreground, hvctl gets a process group of its own.
[[noreturn]] void run_in_background(const Invocation& run) {
    const pid_t job = fork();
    if (job == 0) {
        setpgid(0, 0);
        exec_hvctl(run);
    }
    setpgid(job, job);
    int status = 0;
    waitpid(job, &status, WUNTRACED);
    if (WIFSTOPPED(status)) {
        kill(job, SIGKILL);
        waitpid(job, nullptr, 0);
        _exit(kStopped);
    }
    _exit(exit_code_of_status(status));
}

}  // namespace

Pty::Pty(const Invocation& run, const Job& job) {
    winsize size{.ws_row = 25, .ws_col = 80, .ws_xpixel = 0, .ws_ypixel = 0};
    if (openpty(&master_, &slave_, nullptr, nullptr, &size) != 0) return;
    child_ = fork();
    if (child_ != 0) return;
    setsid();
    ioctl(slave_, TIOCSCTTY, 0);
    for (int stream = 0; stream <= 2; ++stream) dup2(slave_, stream);
    close(slave_);
    close(master_);
    if (!job.output.empty()) {
        const int file = open(job.output.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
        dup2(file, STDOUT_FILENO);
        close(file);
    }
    if (job.in_background) run_in_background(run);
    exec_hvctl(run);
}

Pty::~Pty() {
    if (child_ > 0) {
        kill(child_, SIGKILL);
        waitpid(child_, nullptr, 0);
    }
    close(master_);
    close(slave_);
}

bool Pty::read_more(int limit_milliseconds) {
    pollfd ready{master_, POLLIN, 0};
    if (poll(&ready, 1, limit_milliseconds) <= 0) return false;
    std::array<char, 4096> buffer{};
    ssize_t got = read(master_, buffer.data(), buffer.size());
    if (got <= 0) return false;
    seen_.append(buffer.data(), static_cast<std::size_t>(got));
    return true;
}

bool Pty::expect(const std::string& text) {
    while (seen_.find(text) == std::string::npos) {
        if (!read_more(kLimit)) return false;
    }
    return true;
}

void Pty::type(const std::string& keys) const {
    for (std::size_t sent = 0; sent < keys.size();) {
        ssize_t count = write(master_, keys.data() + sent, keys.size() - sent);
        if (count <= 0) return;
        sent += static_cast<std::size_t>(count);
    }
}

void Pty::send_signal(int number) const {
    kill(child_, number);
}

void Pty::resize(unsigned short columns) const {
    winsize size{.ws_row = 50, .ws_col = columns, .ws_xpixel = 0, .ws_ypixel = 0};
    ioctl(master_, TIOCSWINSZ, &size);
}

int Pty::finish() {
    int status = 0;
    while (waitpid(child_, &status, WNOHANG) == 0) read_more(50);  // what it prints must not fill the terminal
    child_ = -1;
    while (read_more(0)) {
    }
    return exit_code_of_status(status);
}

termios Pty::settings() const {
    termios current{};
    tcgetattr(slave_, &current);
    return current;
}

}  // namespace hvctl::cli::test
