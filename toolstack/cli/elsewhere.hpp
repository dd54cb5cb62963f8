// Verbs of other tools that people type here.
#pragma once

#include <string_view>

namespace hvctl::cli {

// What there is in place of a verb that xl or another tool has: sentences; "" for a word that is known nowhere.
std::string_view in_place_of(std::string_view verb);

}  // namespace hvctl::cli
