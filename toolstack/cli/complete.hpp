// Shell completion: the shells' scripts ask hvctl itself, so that they never fall behind it.
#pragma once

#include <string>
#include <vector>

#include "app.hpp"

namespace hvctl::cli {

struct Candidate {
    std::string word;
    std::string description;
};

struct Completion {
    std::vector<Candidate> candidates;
    bool files = false;                    // the shell should offer files
    Complete domains = Complete::Nothing;  // names of such domains belong here
};

// What may stand at the last of `words` (perhaps empty), which follow "hvctl" on the command line.
Completion complete(const App& app, const std::vector<std::string>& words);

}  // namespace hvctl::cli
