// That a guest stands still because a file system that its disks grow on has no room, as the next process of the daemon
// must know, too: hv only says that it is paused. It is kept in the store, with the guest's /vm, for as long as the
// run.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "store/store.hpp"

namespace hvctld {

struct Domain;

class SpaceHold {
  public:
    struct Wait {
        std::string file_system;   // where that is mounted
        std::uint64_t free = 0;    // bytes, at the last look
        std::uint64_t enough = 0;  // with so many the guest goes on
        bool paused = false;       // by an administrator, too: it stays so when there is room

        // "/srv has 12 MiB left, and 96 MiB are needed"
        [[nodiscard]] std::string text() const;
    };

    SpaceHold(store::Store& store, const Domain& domain) : store_{store}, domain_{domain} {}

    // Nothing: it is not held.
    [[nodiscard]] const std::optional<Wait>& wait() const { return wait_; }
    // Before the guest is paused: a process that is killed in between leaves a guest that is let go again.
    void begin(Wait wait);
    // The numbers of a later look, which are this process's alone.
    void update(const Wait& wait);
    void set_paused(bool paused);
    // After the guest goes on, and when its run is over.
    void end();
    // What the process before this one has left.
    void recover();

  private:
    [[nodiscard]] std::string path() const;
    void write();

    store::Store& store_;
    const Domain& domain_;
    std::optional<Wait> wait_;
};

}  // namespace hvctld
