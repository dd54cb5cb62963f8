#include "interrupts.hpp"

#include <sys/signalfd.h>
#include <unistd.h>

namespace hvctl::cli {

Interrupts::Interrupts(std::initializer_list<int> signals) {
    sigset_t wanted;
    sigemptyset(&wanted);
    for (int signal : signals) {
        struct sigaction action {};
        // What the caller ignores (nohup) stays ignored.
        if (sigaction(signal, nullptr, &action) == 0 && action.sa_handler == SIG_IGN) continue;
        sigaddset(&wanted, signal);
    }
    sigprocmask(SIG_BLOCK, &wanted, &previous_);
    descriptor_ = signalfd(-1, &wanted, SFD_NONBLOCK | SFD_CLOEXEC);
}

Interrupts::~Interrupts() {
    if (descriptor_ >= 0) close(descriptor_);
    sigprocmask(SIG_SETMASK, &previous_, nullptr);
}

int Interrupts::take() {
    signalfd_siginfo info{};
    if (read(descriptor_, &info, sizeof info) != static_cast<ssize_t>(sizeof info)) return 0;
    return static_cast<int>(info.ssi_signo);
}

}  // namespace hvctl::cli
