// Images in other formats than raw, made raw by qemu-img. Such an image may have been made to attack the program that
// reads it, and its headers may name other files. So it is read by a process without rights, in a file system of its
// own that has the image, an empty file for the result and the host's programs, and nothing else.
#pragma once

#include <string>
#include <string_view>

#include "storage/volume_pool.hpp"

namespace hvctld {

// The content of the first `bytes` of `image`, in a file that has no name. `scratch` is a folder that only root may
// enter; there must be room in it for both. NotSupported when qemu-img is not installed.
Result<UniqueFd> convert_image(StorageHost& host, int image, std::uint64_t bytes, const std::string& format,
                               const std::string& scratch, Pace& pace);

// Ends conversions that processes before this one have left running, and removes their files.
void sweep_conversions(StorageHost& host, const std::string& scratch);

}  // namespace hvctld
