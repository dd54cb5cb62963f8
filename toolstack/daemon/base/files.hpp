// Small helpers over files.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/errors.hpp"
#include "hvctl/file_descriptor.hpp"

namespace hvctld {

using hvctl::UniqueFd;

// Bytes of Dom0's memory that could be used without swapping (MemAvailable of proc_meminfo(5)); all of it when that is
// not known.
std::uint64_t available_memory();

// A regular file's text. FileMissing, FileUnreadable (also when it is larger than `most` bytes or not a regular file).
Result<std::string> read_text_file(const std::string& path, std::size_t most);

// The first line of a small file, of procfs or sysfs, too; empty when there is none, or it cannot be read.
std::string first_line(const std::string& path);

// Makes a folder and its parents, mode 0755 masked; fine when it is there.
Result<void> make_folder(const std::string& path);

}  // namespace hvctld
