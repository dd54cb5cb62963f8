// Help texts, written from the verbs' descriptions.
#pragma once

#include <string>

#include "app.hpp"
#include "terminal.hpp"

namespace hvctl::cli {

// "create FILE [KEY=VALUE...] [--console] ..."
std::string usage_of(const Verb& verb);

std::string overview(const App& app, const Terminal& terminal);
std::string help_of(const Verb& verb, const Terminal& terminal);

}  // namespace hvctl::cli
