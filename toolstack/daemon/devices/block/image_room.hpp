// The room that the images of guests have to grow. Everything here may wait for a disk that does not answer.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "devices/block/image.hpp"

namespace hvctld {

// A file that is the image of a disk, under the name that it was given by.
struct ImageFile {
    ImageId id;
    std::string path;
    bool raw = true;
};

// What the file system of some images is like now.
struct FileSystemRoom {
    std::string mounted_on;  // empty: none of the images is found under its name any more
    std::uint64_t bytes = 0;
    std::uint64_t free = 0;         // without what it keeps for root
    std::vector<ImageId> growing;   // those of the images that take more of it when they are written to
    std::vector<std::string> lost;  // names of images that lead to nothing, or to something else, by now
};

// Of images that are all in one file system.
Result<FileSystemRoom> look_at_room(const std::vector<ImageFile>& images);

}  // namespace hvctld
