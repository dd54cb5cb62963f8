// A verb as data: its name, what it takes and what it does. Parsing, help texts and shell completion all read this one
// description, so that they cannot disagree.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "failure.hpp"

namespace hvctl::cli {

enum class Topic { Life, Console, Look, Resources, Disks, Networks, Host, Jobs, Help, Hidden };

// What a shell may offer for an argument.
// Guest: a domain that runs or is about to, and is not Domain-0; Ended: one that may be started or forgotten.
enum class Complete { Nothing, Domain, Guest, Ended, File, Verb, Words };

struct Option {
    std::string name;              // "--json"
    std::string short_name;        // "-q", or empty
    std::string value_name;        // "SECONDS"; empty for a flag
    std::string help;              // one sentence without a full stop
    bool* flag = nullptr;          // either this
    std::string* value = nullptr;  // or this is set
};

enum class Arity { One, Optional, Any, AtLeastOne };

struct Positional {
    std::string name;  // "DOMAIN"
    std::string help;
    Arity arity = Arity::One;
    Complete complete = Complete::Nothing;
    std::vector<std::string> words;              // for Complete::Words
    std::string* value = nullptr;                // One and Optional
    std::vector<std::string>* values = nullptr;  // Any and AtLeastOne
};

class Verb {
  public:
    std::string name;
    Topic topic = Topic::Hidden;
    bool whole_name = false;  // cannot be shortened, so that it is not hit by accident
    std::string summary;      // after the name in the list of verbs
    std::string description;  // paragraphs, separated by newlines
    std::string examples;     // lines shown as they are
    std::vector<Option> options;
    std::vector<Positional> positionals;
    std::function<Result<void>()> run;

    void flag(std::string option, bool& target, std::string help);
    void flag(std::string option, std::string short_name, bool& target, std::string help);
    void value(std::string option, std::string value_name, std::string& target, std::string help);
    void positional(std::string name, Complete complete, std::string& target, std::string help,
                    Arity arity = Arity::One);
    void positionals_of(std::string name, Complete complete, std::vector<std::string>& target, Arity arity,
                        std::string help);
};

}  // namespace hvctl::cli
