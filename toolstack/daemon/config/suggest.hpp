// "did you mean": the known word nearest to a misspelt one.
#pragma once

#include <span>
#include <string_view>

namespace hvctld::config {

// Empty when nothing is near enough to be meant.
std::string_view nearest_word(std::string_view word, std::span<const std::string_view> known);

}  // namespace hvctld::config
