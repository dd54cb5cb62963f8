#include "console/raw_mode.hpp"

#include <termios.h>
#include <unistd.h>

#include <array>
#include <csignal>

namespace hvctl::cli {
namespace {

// What the crash handler needs; a program has one console at a time.
termios saved_settings;
int saved_descriptor = -1;

constexpr std::array kCrashSignals = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT};

// A program in the background that changes the terminal would be stopped; this one only puts things right.
void set_terminal(int descriptor, const termios& settings) {
    sigset_t background, previous;
    sigemptyset(&background);
    sigaddset(&background, SIGTTOU);
    sigprocmask(SIG_BLOCK, &background, &previous);
    tcsetattr(descriptor, TCSADRAIN, &settings);
    sigprocmask(SIG_SETMASK, &previous, nullptr);
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
    if (isatty(descriptor) != 1 || tcgetattr(descriptor, &saved_settings) != 0) return;
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
    if (active_) set_terminal(descriptor_, saved_settings);
}

void RawMode::resume() {
    if (!active_) return;
    termios raw = saved_settings;
    cfmakeraw(&raw);
    if (keep_signal_keys_) raw.c_lflag |= ISIG;
    set_terminal(descriptor_, raw);
}

}  // namespace hvctl::cli
