#include "console/raw_mode.hpp"

#include <poll.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <csignal>

#include "terminal.hpp"

namespace hvctl::cli {
namespace {

// What the crash handler needs; a program has one console at a time.
termios saved_settings;
int saved_descriptor = -1;

constexpr int kRetryMilliseconds = 200;

constexpr std::array kCrashSignals = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT};

void await_foreground(int descriptor) {
    while (!in_foreground(descriptor)) {
        kill(0, SIGTTIN);
        // A job without a shell that could bring it to the foreground is not stopped by that, and must not spin.
        poll(nullptr, 0, kRetryMilliseconds);
    }
}

extern "C" void restore_and_die(int signal) {  // SA_RESETHAND: the second raise has the default effect
    tcsetattr(saved_descriptor, TCSANOW, &saved_settings);
    raise(signal);
}

void on_crash(void (*handler)(int)) {
    struct sigaction action {};
    action.sa_handler = handler;
    action.sa_flags = static_cast<int>(SA_RESETHAND | SA_NODEFER);
    for (int signal : kCrashSignals) sigaction(signal, &action, nullptr);
}

}  // namespace

RawMode::RawMode(int descriptor, bool keep_signal_keys) : descriptor_(descriptor), keep_signal_keys_(keep_signal_keys) {
    if (isatty(descriptor) != 1) return;
    await_foreground(descriptor);  // what is to be put back later are the settings that the foreground found
    if (tcgetattr(descriptor, &saved_settings) != 0) return;
    saved_descriptor = descriptor;
    active_ = true;
    on_crash(&restore_and_die);
    resume();
}

RawMode::~RawMode() {
    if (!active_) return;
    suspend();
    on_crash(SIG_DFL);
}

void RawMode::suspend() {
    if (active_ && in_foreground(descriptor_)) tcsetattr(descriptor_, TCSADRAIN, &saved_settings);
}

void RawMode::resume() {
    if (!active_) return;
    await_foreground(descriptor_);
    termios raw = saved_settings;
    cfmakeraw(&raw);
    if (keep_signal_keys_) raw.c_lflag |= ISIG;
    tcsetattr(descriptor_, TCSADRAIN, &raw);
}

}  // namespace hvctl::cli
