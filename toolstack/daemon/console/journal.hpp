// One page per console on a tmpfs that outlives the daemon: how far the log has followed the ring. It is written before
// and after every append, so that a daemon that was killed in between neither loses nor repeats a byte.
#pragma once

#include <cstdint>
#include <string>

#include "base/errors.hpp"
#include "hvctl/file_descriptor.hpp"

namespace hvctld {

class ConsoleJournal {
  public:
    // Opens or makes `path`; a page of another layout is started anew. Where there can be no file the page is this
    // process's own.
    static Result<ConsoleJournal> open(const std::string& path);

    // Outlives the process.
    [[nodiscard]] bool kept() const { return kept_; }

    // `bytes` of the ring from index `consumer` on are about to be appended to a log of `log_size` bytes.
    void begin(std::uint64_t log_size, std::uint32_t consumer, std::uint32_t bytes);
    // They are in the log, and the ring's consumer has moved.
    void end();

    // After a restart: where the ring's consumer must stand, given the log's size now. False when nothing was under
    // way.
    [[nodiscard]] bool interrupted(std::uint64_t log_size, std::uint32_t& consumer) const;

    // Facts about the log that hold as long as the host is up.
    [[nodiscard]] std::uint64_t dropped() const;
    void add_dropped(std::uint64_t bytes);
    // Whether the rotated file belongs to the present run of the domain.
    [[nodiscard]] bool rotated_in_run() const;
    void set_rotated_in_run(bool rotated);

  private:
    struct Page;
    ConsoleJournal(hvctl::Mapping memory, bool kept) : memory_{std::move(memory)}, kept_{kept} {}
    [[nodiscard]] Page& page() const;
    hvctl::Mapping memory_;
    bool kept_;
};

}  // namespace hvctld
