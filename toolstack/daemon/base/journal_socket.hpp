// journald's socket, in its native protocol. libsystemd's own calls wait when the journal is slow, and then the daemon
// would wait for the journal's disk; here a line that does not go in at once is lost, and counted.
#pragma once

#include <cstddef>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "hvctl/file_descriptor.hpp"

namespace hvctld::log {

class JournalSocket {
  public:
    using Fields = std::vector<std::pair<std::string_view, std::string>>;

    explicit JournalSocket(std::string path = "/run/systemd/journal/socket");

    // From any thread. True: the journal has it, or has no room now, in which case a later entry tells how many lines
    // were lost. False: there is no journal.
    bool send(const Fields& fields);

  private:
    bool send_entry(const std::string& entry);  // false with errno set

    std::string path_;
    hvctl::UniqueFd socket_;
    std::mutex mutex_;
    std::size_t lost_ = 0;
};

}  // namespace hvctld::log
