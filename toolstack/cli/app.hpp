// All verbs, and how a command line finds its one.
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "verb.hpp"

namespace hvctl::cli {

// Options that every verb understands, before the verb or after it.
struct Globals {
    std::string bus;  // --bus ADDRESS; empty means the environment's HVCTL_BUS, then the default
    bool no_colour = false;
    bool help = false;
};

class App {
  public:
    // The reference stays valid while the App lives.
    Verb& verb(std::string name, Topic topic, std::string summary);

    const std::deque<Verb>& verbs() const { return verbs_; }

    // The verb of this name or the only one that starts with it; otherwise says what was meant, perhaps.
    Result<const Verb*> find(std::string_view name) const;

    // The words of a verb may stand apart: "volume create" is "volume-create". The verb of both, or null.
    const Verb* find_apart(std::string_view first, std::string_view second) const;
    // Whether there are verbs that begin with that word and another one.
    bool begins_verbs(std::string_view first) const;

  private:
    std::deque<Verb> verbs_;
};

// A command line taken apart as far as the verb.
struct CommandLine {
    std::string verb;                    // as typed; empty if there is none
    std::vector<std::string> arguments;  // what follows it
    bool version = false;
};

Result<CommandLine> split_command_line(const std::vector<std::string>& words, Globals& globals);

// Parses a verb's arguments into its targets; `globals` are recognised among them.
Result<void> parse_arguments(const Verb& verb, const std::vector<std::string>& arguments, Globals& globals);

// The closest of `candidates` to a word that is not one of them, if it is close enough to be a slip.
std::optional<std::string> suggest(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace hvctl::cli
