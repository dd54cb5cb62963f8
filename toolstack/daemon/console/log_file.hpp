// A console's log: NAME.log and, once that was full, NAME.log.1 beside it. Readers keep cursors of their own. All of it
// waits for the disk, but for what says that it does not.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "base/errors.hpp"
#include "base/files.hpp"

namespace hvctld {

class ConsoleLog {
  public:
    // Appends to what is there, from ready() on. `limit` is the size at which a file is rotated away.
    ConsoleLog(std::string path, std::uint64_t limit) : path_{std::move(path)}, limit_{limit} {}
    // Whether there is a file; why not. Makes it, and its folder, where there can be one now.
    Result<void> ready() { return file_ ? Result<void>{} : open_current(); }

    // Bytes of the current file.
    [[nodiscard]] std::uint64_t size() const { return size_; }
    [[nodiscard]] bool full() const { return size_ >= limit_; }
    // Counts rotations since open(): what a cursor's file is compared with.
    [[nodiscard]] std::uint64_t generation() const { return generation_; }

    // How many bytes went in; fewer than given when the file system refuses.
    std::size_t append(std::span<const char> bytes);
    // The current file becomes NAME.log.1, whose content is gone. Changes nothing when it fails.
    Result<void> rotate();
    // Begins a new file where the present one has been removed, or undo_rotation() has.
    Result<void> reopen_if_gone();
    // The current file, which is empty, goes; NAME.log.1 is the current one again if it was that before. Readers stay
    // where they are: at the end.
    Result<void> undo_rotation();

    // The file of a generation for reading: the current one or the one before.
    [[nodiscard]] Result<UniqueFd> open_generation(std::uint64_t generation) const;
    [[nodiscard]] static std::string previous_of(const std::string& path) { return path + ".1"; }
    [[nodiscard]] std::string previous_path() const { return previous_of(path_); }
    // Both files have been renamed.
    void set_path(std::string path) { path_ = std::move(path); }

  private:
    Result<void> open_current();

    std::string path_;
    std::uint64_t limit_;
    UniqueFd file_;
    std::uint64_t size_ = 0;
    std::uint64_t generation_ = 1;
    bool rotated_ = false;
};

// A reader's place in a log. Keeps its file open, so that rotation never takes bytes from under it.
class LogCursor {
  public:
    // The last `history` bytes; those of the previous file only if `with_previous`.
    static Result<LogCursor> at_tail(const ConsoleLog& log, std::uint64_t history, bool with_previous);

    // Copies what comes next as far as it is in memory, and never waits: how many bytes. Nothing when the disk must be
    // asked by fetch(), be it only to learn that the log has no more.
    std::optional<std::size_t> read(const ConsoleLog& log, std::span<char> buffer);
    // Gets what comes next into memory; goes on with the next file at the end of one.
    void fetch(const ConsoleLog& log);
    // Puts back the last `bytes` of what was read.
    void rewind(std::size_t bytes) { offset_ -= bytes; }
    // Whether the reader was so slow that a whole file has passed it by; once.
    [[nodiscard]] bool take_skipped() { return std::exchange(skipped_, false); }

  private:
    UniqueFd file_;
    std::uint64_t offset_ = 0;
    std::uint64_t generation_ = 0;
    std::string fetched_;  // the bytes from fetched_at_ on
    std::uint64_t fetched_at_ = 0;
    bool skipped_ = false;
};

}  // namespace hvctld
