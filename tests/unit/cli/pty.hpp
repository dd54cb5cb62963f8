// hvctl on a terminal of its own.
#pragma once

#include <sys/types.h>
#include <termios.h>

#include <string>

#include "process.hpp"

namespace hvctl::cli::test {

class Pty {
  public:
    // How a shell would start it: as a job in the background, with its output in a file (empty: the terminal).
    struct Job {
        bool in_background = false;
        std::string output;
    };

    explicit Pty(const Invocation& run) : Pty(run, Job{}) {}
    Pty(const Invocation& run, const Job& job);
    ~Pty();
    Pty(const Pty&) = delete;
    Pty& operator=(const Pty&) = delete;

    // Reads until all that came contains `text`; false when hvctl ended or a generous limit has passed before that.
    bool expect(const std::string& text);
    void type(const std::string& keys) const;
    void send_signal(int number) const;
    void resize(unsigned short columns) const;
    // Waits for the end of hvctl; 255 when a job in the background was stopped.
    int finish();

    termios settings() const;
    // Whether the terminal passes every key on.
    bool is_raw() const { return (settings().c_lflag & (ICANON | ECHO)) == 0; }
    const std::string& seen() const { return seen_; }

  private:
    int master_ = -1, slave_ = -1;  // our own slave end keeps the settings readable after hvctl has ended
    pid_t child_ = -1;
    std::string seen_;
    bool read_more(int limit_milliseconds);
};

}  // namespace hvctl::cli::test
