// A process beside the daemon that serves guests and goes on while the daemon is away: the server of an image, the
// dnsmasq of a network; one day a device model.
//
// Each kind is a template unit of systemd, KIND@NAME.service, which has what confines the process. Each process has a
// folder below that of its kind, with what it is started with (the unit does not start without it). The name belongs
// to both, and by it they are found again after a restart of the daemon: it is kept with what is served (in the label
// of a block device, as the name of a bridge), and the folders say which there are.
//
// How the end of one is noticed, and what follows, is up to its owner: a server of images is missed by Dom0's kernel
// (devices/block/image_servers.hpp), dnsmasq is started again by systemd.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "base/errors.hpp"

namespace hvctld {

struct HelperKind {
    std::string unit;     // the template's name up to the @
    std::string folders;  // the folder of their folders, in /run
};

// All calls wait for systemd: for threads that may.
class Helper {
  public:
    Helper(const HelperKind& kind, const std::string& name);
    // All of the kind that have a folder, whichever process of the daemon started them.
    static std::vector<std::string> names(const HelperKind& kind);

    [[nodiscard]] const std::string& unit() const { return unit_; }
    [[nodiscard]] const std::string& folder() const { return folder_; }

    // Has systemd begin to; that it ends again is in its own log.
    [[nodiscard]] Result<void> start() const;
    [[nodiscard]] Result<void> restart() const;
    // Waits until it runs, or is over; BackendFailed when it is.
    [[nodiscard]] Result<void> run() const;
    [[nodiscard]] Result<bool> runs() const;
    // 0: there is none.
    [[nodiscard]] Result<pid_t> process() const;
    // Nothing where it does not run.
    [[nodiscard]] Result<void> signal(int number) const;
    // Waits until it has ended; ask_to_stop() does not.
    [[nodiscard]] Result<void> stop() const;
    [[nodiscard]] Result<void> ask_to_stop() const;
    // The same at once, by SIGKILL: afterwards it does nothing any more, for certain.
    [[nodiscard]] Result<void> kill() const;
    // Removes the folder of one that has ended.
    void forget() const;

  private:
    std::string unit_, folder_;
};

}  // namespace hvctld
