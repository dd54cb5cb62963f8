// Reading the files that a command line names.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "failure.hpp"

namespace hvctl::cli {

struct DefinitionFile {
    std::string source;  // the file's name as messages should show it
    std::string text;    // valid UTF-8, at most kMaxDefinition bytes
};

inline constexpr std::size_t kMaxDefinition = 1024 * 1024;

// "-" is standard input.
Result<DefinitionFile> read_definition(const std::string& path);

// "key=value" words, checked for their shape only: what the keys mean is hvctld's business.
Result<void> check_overrides(const std::vector<std::string>& overrides);

}  // namespace hvctl::cli
