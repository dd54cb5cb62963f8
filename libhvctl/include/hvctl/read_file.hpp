// Whole files in memory: kernels and initrds.
#pragma once

#include <filesystem>
#include <string_view>

#include "hvctl/file_descriptor.hpp"

namespace hvctl {

// Reads a regular file from its beginning. Its bytes are copied, since a mapping of a file that is cut short meanwhile
// kills the reader. TooLarge beyond `limit` bytes; Truncated when it shrinks meanwhile.
Result<Mapping> read_file(int fd, std::string_view name, std::uint64_t limit);
Result<Mapping> read_file(const std::filesystem::path& path, std::uint64_t limit);

}  // namespace hvctl
