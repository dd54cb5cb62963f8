// KEY=VALUE words, with the keys of the domain file.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "failure.hpp"

namespace hvctl::cli {

// A map as a domain file has it, of words whose keys are among `keys`; addresses are apart by commas. Values are for
// hvctld to check.
Result<std::string> map_text(std::string_view verb, const std::vector<std::string>& words,
                             std::span<const std::string_view> keys);

}  // namespace hvctl::cli
