#include "verb.hpp"

namespace hvctl::cli {

void Verb::flag(std::string option, bool& target, std::string help) {
    flag(std::move(option), "", target, std::move(help));
}

void Verb::flag(std::string option, std::string short_name, bool& target, std::string help) {
    options.push_back({.name = std::move(option),
                       .short_name = std::move(short_name),
                       .value_name = {},
                       .help = std::move(help),
                       .flag = &target});
}

void Verb::value(std::string option, std::string value_name, std::string& target, std::string help) {
    options.push_back({.name = std::move(option),
                       .short_name = {},
                       .value_name = std::move(value_name),
                       .help = std::move(help),
                       .value = &target});
}

void Verb::positional(std::string title, Complete complete, std::string& target, std::string help, Arity arity) {
    positionals.push_back({.name = std::move(title),
                           .help = std::move(help),
                           .arity = arity,
                           .complete = complete,
                           .words = {},
                           .value = &target});
}

void Verb::positionals_of(std::string title, Complete complete, std::vector<std::string>& target, Arity arity,
                          std::string help) {
    positionals.push_back({.name = std::move(title),
                           .help = std::move(help),
                           .arity = arity,
                           .complete = complete,
                           .words = {},
                           .value = nullptr,
                           .values = &target});
}

}  // namespace hvctl::cli
