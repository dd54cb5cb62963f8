// A file that is there whole or not at all: it has no name until it is published, so a process that is killed leaves
// nothing. It never takes the place of another file, and its folder is reached through no symbolic link, so that a user
// who may write to a folder on the way cannot decide where it goes.
#pragma once

#include <cstdint>
#include <string>

#include "base/files.hpp"

namespace hvctld {

class NewFile {
  public:
    // `path` must be absolute. FileExists, FileMissing (no such folder), InvalidArgument, NotSupported (a file system
    // that has no files without names). Only the daemon's user may read and write it.
    static Result<NewFile> create(const std::string& path);

    [[nodiscard]] int fd() const { return file_.get(); }
    // NoRoom unless its file system has so many bytes left.
    [[nodiscard]] Result<void> require_room(std::uint64_t bytes) const;
    // Waits for the disk.
    Result<void> sync();
    // What has been synced gets its name. FileExists.
    Result<void> publish();

  private:
    NewFile(std::string path, std::string name, UniqueFd folder, UniqueFd file)
        : path_{std::move(path)}, name_{std::move(name)}, folder_{std::move(folder)}, file_{std::move(file)} {}
    [[nodiscard]] std::unexpected<Error> exists() const;

    std::string path_, name_;
    UniqueFd folder_, file_;
};

}  // namespace hvctld
