// The only file that sees CLI11: it turns a verb's description into a parser for the one command line at hand.
#include <CLI/CLI.hpp>

#include <algorithm>
#include <iterator>

#include "app.hpp"

namespace hvctl::cli {
namespace {

std::string titled(const Verb& verb, std::string_view what) {
    return verb.name + ": " + std::string(what);
}

std::string see_help(const Verb& verb) {
    return "\n'hvctl help " + verb.name + "' tells what it takes.";
}

void describe_globals(CLI::App& parser, Globals& globals) {
    parser.set_help_flag();
    parser.add_flag("-h,--help", globals.help);
    parser.add_flag("--no-color", globals.no_colour);
    parser.add_option("--bus", globals.bus);
}

Result<void> check_leftovers(const Verb& verb, const std::vector<std::string>& leftovers) {
    if (leftovers.empty()) return {};
    const std::string& first = leftovers.front();
    if (!first.starts_with('-') || first == "-") {
        return fail(ExitCode::Usage, titled(verb, "one argument too many: '" + first + "'") + see_help(verb));
    }
    std::vector<std::string> known = {"--help", "--no-color", "--bus"};
    for (const Option& option : verb.options) known.push_back(option.name);
    std::string message = titled(verb, "unknown option '" + first + "'");
    if (auto close = suggest(first.substr(0, first.find('=')), known)) message += "; did you mean '" + *close + "'?";
    return fail(ExitCode::Usage, message + see_help(verb));
}

}  // namespace

Result<void> parse_arguments(const Verb& verb, const std::vector<std::string>& arguments, Globals& globals) {
    CLI::App parser;
    describe_globals(parser, globals);
    parser.allow_extras();
    for (const Option& option : verb.options) {
        std::string names = option.short_name.empty() ? option.name : option.short_name + "," + option.name;
        if (option.flag != nullptr)
            parser.add_flag(names, *option.flag);
        else
            parser.add_option(names, *option.value)->take_last();
    }
    // Everything that is not an option is dealt out here: CLI11 would fill the first list and starve what follows it.
    std::vector<std::string> words;
    parser.add_option("words", words);

    auto end_of_options = std::ranges::find(arguments, "--");
    try {
        parser.parse(std::vector<std::string>(std::reverse_iterator(end_of_options), arguments.rend()));
    } catch (const CLI::ParseError& error) {
        return fail(ExitCode::Usage, titled(verb, error.what()) + see_help(verb));
    }
    TRY(check_leftovers(verb, parser.remaining()));
    if (globals.help) return {};
    if (end_of_options != arguments.end()) words.insert(words.end(), end_of_options + 1, arguments.end());

    std::size_t next = 0;
    for (const Positional& positional : verb.positionals) {
        bool needed = positional.arity == Arity::One || positional.arity == Arity::AtLeastOne;
        if (needed && next == words.size()) {
            return fail(ExitCode::Usage, titled(verb, positional.name + " is missing") + see_help(verb));
        }
        if (positional.values != nullptr) {
            positional.values->assign(words.begin() + static_cast<std::ptrdiff_t>(next), words.end());
            next = words.size();
        } else if (next < words.size()) {
            *positional.value = words[next++];
        }
    }
    return check_leftovers(verb, {words.begin() + static_cast<std::ptrdiff_t>(next), words.end()});
}

}  // namespace hvctl::cli
