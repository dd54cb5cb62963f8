// What a disk's image begins with: whether it is of the format that its definition says, and whole in itself.
#pragma once

#include "base/errors.hpp"
#include "config/definition.hpp"

namespace hvctld {

// ImageUnusable for an image of another format (as raw, its owner would find its headers as the content of the disk),
// and for one that names other files as parts of itself.
Result<void> check_format(int file, const config::DiskDefinition& disk);

}  // namespace hvctld
