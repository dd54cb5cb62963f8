// Signals as something to poll for: while an Interrupts lives, the signals that end a program wait in its descriptor.
#pragma once

#include <csignal>
#include <initializer_list>

namespace hvctl::cli {

class Interrupts {
  public:
    explicit Interrupts(std::initializer_list<int> signals = {SIGINT, SIGTERM, SIGHUP, SIGQUIT});
    ~Interrupts();
    Interrupts(const Interrupts&) = delete;
    Interrupts& operator=(const Interrupts&) = delete;

    int descriptor() const { return descriptor_; }

    // The next waiting signal, 0 without one.
    int take();

  private:
    sigset_t previous_{};
    int descriptor_ = -1;
};

}  // namespace hvctl::cli
