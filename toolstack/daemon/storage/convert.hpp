// Images in other formats than raw, made raw by qemu-img. Who has made such an image may have made it to be misread,
// and its headers may name other files: so it is read by a process without rights in a file system of its own, which
// has the image, an empty file for the result and the host's programs, and nothing else.
#pragma once

#include <string>
#include <string_view>

#include "storage/volume_pool.hpp"

namespace hvctld {

// The content of the first `bytes` of `image`, in a file that has no name. `scratch` is a folder that nobody else may
// enter; there must be room in it for both. NotSupported when qemu-img is not installed.
Result<UniqueFd> convert_image(StorageHost& host, int image, std::uint64_t bytes, const std::string& format,
                               const std::string& scratch, Pace& pace);

// Ends what processes before this one have left of that.
void sweep_conversions(StorageHost& host, const std::string& scratch);

}  // namespace hvctld
