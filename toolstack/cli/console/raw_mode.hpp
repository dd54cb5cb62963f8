// A terminal that passes every key on. It gets its old settings back when the object goes, and when the program
// crashes.
#pragma once

namespace hvctl::cli {

class RawMode {
  public:
    // Does nothing if `descriptor` is not a terminal. In the background, it stops the job until it is brought to the
    // foreground, as reading from the terminal would. With `keep_signal_keys`, Ctrl-C and its like stay with the
    // terminal.
    RawMode(int descriptor, bool keep_signal_keys);
    ~RawMode();
    RawMode(const RawMode&) = delete;
    RawMode& operator=(const RawMode&) = delete;

    bool active() const { return active_; }

    // Around a stop of the program (SIGTSTP). In the background suspend() leaves the terminal to the job that has it
    // now, and resume() waits for the foreground.
    void suspend();
    void resume();

  private:
    int descriptor_;
    bool keep_signal_keys_;
    bool active_ = false;
};

}  // namespace hvctl::cli
