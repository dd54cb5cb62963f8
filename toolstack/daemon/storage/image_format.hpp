// What a disk's image begins with: whether it is of the format that its definition says, and whole in itself.
#pragma once

#include <string>
#include <string_view>

#include "base/errors.hpp"

namespace hvctld {

// ImageUnusable for an image of another format (as raw, its owner would find its headers as the content of the disk),
// and for one that names other files as parts of itself.
Result<void> check_format(int file, std::string_view format, const std::string& path);

// QEMU's word for it.
std::string_view qemu_driver(std::string_view format);

}  // namespace hvctld
