// Pauses guests before a file system that their images grow on is full, and lets them go on when it has room again: a
// guest whose write fails for want of space takes its file system for broken. Guests with on_full: error are left
// alone.
//
// A guest that an administrator has paused stays so, and none is touched while its job needs it as it is. When the host
// goes down no guest is held: the room that is left is for the guests to end in order.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "devices/block/space_hold.hpp"
#include "domain/context.hpp"
#include "domain/domains.hpp"
#include "domain/space_gauge.hpp"
#include "domain/work.hpp"

namespace hvctld {

class SpaceKeeper {
  public:
    SpaceKeeper(Context& context, Domains& domains, Work& work)
        : context_{context}, domains_{domains}, work_{work}, timer_{context.loop} {}
    SpaceKeeper(const SpaceKeeper&) = delete;
    SpaceKeeper& operator=(const SpaceKeeper&) = delete;

    // From here on file systems are watched.
    void begin();

  private:
    using FileSystem = std::uint64_t;  // its device, as stat(2) has it
    struct Watched {
        SpaceGauge gauge;
        std::optional<FileSystemRoom> room;  // at the last look; none has come to its end: nothing
        bool looking = false;                // a file system that does not answer keeps one thread, and nothing else
        std::uint64_t due_ms = 0;
        bool in_trouble = false;
    };
    struct Look;
    struct Verdict {
        bool known = true;  // of all its disks
        std::optional<SpaceHold::Wait> wait;
    };

    void round();
    void again();
    [[nodiscard]] std::map<FileSystem, std::vector<ImageFile>> images();
    void look(FileSystem file_system, const std::vector<ImageFile>& images);
    void looked(FileSystem file_system, const Look& look);
    void take_in(Watched& watched, const FileSystemRoom& room, std::uint64_t at_ms);
    void keep();
    [[nodiscard]] Verdict judge(const Domain& domain) const;
    [[nodiscard]] bool is_waited_for(const std::string& file_system) const;
    [[nodiscard]] bool has_room(const std::string& file_system) const;
    [[nodiscard]] bool may_stop(const Domain& domain) const;
    void hold(const Domain& domain, const SpaceHold::Wait& wait);
    void let_go(const Domain& domain);

    Context& context_;
    Domains& domains_;
    Work& work_;
    Timer timer_;
    std::map<FileSystem, Watched> watched_;
};

}  // namespace hvctld
