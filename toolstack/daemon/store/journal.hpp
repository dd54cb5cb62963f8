// The journal file: frames of records, each with its length and checksum, so that a frame counts as a whole or not at
// all. It survives the process, not the machine (it lives on a tmpfs), so nothing is synced. It is made shorter by
// writing a snapshot and what came after it to a second file, which then takes its place; that goes on in small pieces
// while the journal is used.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

#include "store/record.hpp"

namespace hvctld::store {

// A file descriptor that is closed with its owner.
class File {
  public:
    File() = default;
    explicit File(int fd) : fd_(fd) {}
    File(File&& other) noexcept : fd_(other.fd_) { other.fd_ = -1; }
    File& operator=(File&& other) noexcept;
    ~File();
    int get() const { return fd_; }
    explicit operator bool() const { return fd_ >= 0; }

  private:
    int fd_ = -1;
};

class Journal {
  public:
    // Opens or creates the journal in `directory` and replays what it holds. A torn frame at the end is cut off.
    static std::expected<Journal, std::string> open(const std::string& directory, RecordSink& sink);

    // Appends one frame. False: the file system refuses (errno is set); the frame is not in the journal.
    bool append(std::string_view records);
    std::uint64_t bytes() const { return bytes_; }

    // Compaction: begin, write the snapshot in any number of pieces, finish. All return false if the file system
    // refuses; the journal itself then goes on as it is.
    bool begin_snapshot();
    bool add_to_snapshot(std::string_view records);
    bool finish_snapshot();
    // Appends to the snapshot, which must be complete, up to `bytes` of what the journal got since begin_snapshot().
    // False: what is left for finish_snapshot() is less than that.
    bool catch_up(std::uint64_t bytes);
    void drop_snapshot();
    std::uint64_t snapshot_bytes() const { return snapshot_bytes_; }  // of the last finished one

  private:
    Journal(std::string directory, File file, std::uint64_t bytes)
        : directory_(std::move(directory)), file_(std::move(file)), bytes_(bytes) {}
    bool copy_tail(std::uint64_t end);
    void give_back();
    void keep_room();

    std::string directory_;
    File file_;
    std::uint64_t bytes_ = 0;
    std::uint64_t room_until_ = 0;  // the file system has given the space up to here
    std::uint64_t snapshot_bytes_ = 0;
    File next_;  // the file being written by a compaction
    std::uint64_t next_bytes_ = 0;
    std::uint64_t next_snapshot_ = 0;  // bytes of `next_` that are the snapshot; 0: not complete yet
    File old_;                         // the file that a snapshot replaced, as far as its memory is not given back yet
    std::uint64_t old_bytes_ = 0;
    std::uint64_t tail_start_ = 0;  // what the journal got after this is appended to the snapshot
};

std::uint32_t checksum(std::string_view bytes);

}  // namespace hvctld::store
