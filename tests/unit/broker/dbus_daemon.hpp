// The real broker, as a process of the test's.
#pragma once

#include <sys/types.h>

#include <string>

// dbus-daemon with the configuration file `config`; it serves from the constructor's return to end().
class DbusDaemon {
  public:
    explicit DbusDaemon(const std::string& config);
    ~DbusDaemon() { end(); }
    DbusDaemon(const DbusDaemon&) = delete;
    DbusDaemon& operator=(const DbusDaemon&) = delete;
    void end();

  private:
    pid_t process_ = -1;
};
