// Small helpers over files.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/errors.hpp"
#include "hvctl/file_descriptor.hpp"

namespace hvctld {

using hvctl::UniqueFd;

// A regular file's text. FileMissing, FileUnreadable (also when it is larger than `most` bytes or not a regular file).
Result<std::string> read_text_file(const std::string& path, std::size_t most);

// Makes a folder and its parents, mode 0755 masked; fine when it is there.
Result<void> make_folder(const std::string& path);

}  // namespace hvctld
