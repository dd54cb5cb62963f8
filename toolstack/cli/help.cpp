#include "help.hpp"

#include <algorithm>
#include <array>

#include "text.hpp"

namespace hvctl::cli {
namespace {

struct Heading {
    Topic topic;
    const char* title;
};

constexpr std::array kHeadings = {
    Heading{Topic::Life, "Life of a domain"},
    Heading{Topic::Look, "Looking at domains"},
    Heading{Topic::Console, "Console"},
    Heading{Topic::Resources, "CPUs and memory"},
    Heading{Topic::Disks, "Disks"},
    Heading{Topic::Networks, "Networks"},
    Heading{Topic::Host, "The host and hv"},
    Heading{Topic::Jobs, "Definitions and jobs"},
    Heading{Topic::Help, "Help"},
};

constexpr std::size_t kMaxWidth = 96;     // longer lines are hard to read
constexpr std::size_t kLeastColumn = 16;  // a column of text that is narrower goes under its term
constexpr std::size_t kUnderTerm = 6;

std::size_t line_width(const Terminal& terminal) {
    return std::min(terminal.width, kMaxWidth);
}

std::string entry(const std::string& term, const std::string& text, std::size_t term_width, const Terminal& terminal) {
    std::size_t indent = 2 + term_width + 2;
    std::string line = "  " + terminal.paint(term, Colour::Bold);
    if (indent + kLeastColumn > line_width(terminal)) {
        return line + '\n' + std::string(kUnderTerm, ' ') + wrap(text, line_width(terminal), kUnderTerm) + '\n';
    }
    line += std::string(term_width - std::min(term_width, display_width(term)) + 2, ' ');
    return line + wrap(text, line_width(terminal), indent) + '\n';
}

std::string title(std::string_view text, const Terminal& terminal) {
    return terminal.paint(text, Colour::Bold) + '\n';
}

std::string option_term(const Option& option) {
    std::string term = option.short_name.empty() ? option.name : option.short_name + ", " + option.name;
    return option.value_name.empty() ? term : term + ' ' + option.value_name;
}

}  // namespace

std::string usage_of(const Verb& verb) {
    std::string usage = "hvctl " + verb.name;
    for (const Positional& positional : verb.positionals) {
        switch (positional.arity) {
            case Arity::One: usage += ' ' + positional.name; break;
            case Arity::Optional: usage += " [" + positional.name + ']'; break;
            case Arity::Any: usage += " [" + positional.name + "...]"; break;
            case Arity::AtLeastOne: usage += ' ' + positional.name + "..."; break;
        }
    }
    for (const Option& option : verb.options) {
        usage += " [" + option.name + (option.value_name.empty() ? "" : ' ' + option.value_name) + ']';
    }
    return usage;
}

std::string overview(const App& app, const Terminal& terminal) {
    const std::size_t width = line_width(terminal);
    std::string out = wrap("hvctl manages the domains of an hv host.", width, 0) + "\n\n";
    out += title("Usage", terminal) + "  " +
           wrap("hvctl VERB [ARGUMENT...] [--bus ADDRESS] [--no-color]", width, kUnderTerm) + '\n';
    std::size_t term_width = 0;
    for (const Verb& verb : app.verbs()) {
        if (verb.topic != Topic::Hidden) term_width = std::max(term_width, verb.name.size());
    }
    for (const Heading& heading : kHeadings) {
        out += '\n' + title(heading.title, terminal);
        for (const Verb& verb : app.verbs()) {
            if (verb.topic == heading.topic) out += entry(verb.name, verb.summary, term_width, terminal);
        }
    }
    out += '\n' +
           wrap("A verb (but stop-all) may be shortened as long as only one fits: 'hvctl cons web1'.", width, 0) + '\n';
    out += wrap("'hvctl help VERB' tells all about a verb; hvctl(1) has the exit codes.", width, 0) + '\n';
    return out;
}

std::string help_of(const Verb& verb, const Terminal& terminal) {
    std::size_t width = line_width(terminal);
    std::string out = title("Usage", terminal) + "  " + wrap(usage_of(verb), width, kUnderTerm) + "\n\n";
    for (const std::string& paragraph : split_lines(verb.description)) out += wrap(paragraph, width, 0) + '\n';

    std::vector<std::pair<std::string, std::string>> arguments, options;
    for (const Positional& positional : verb.positionals) arguments.emplace_back(positional.name, positional.help);
    for (const Option& option : verb.options) options.emplace_back(option_term(option), option.help);
    options.emplace_back("-h, --help", "show this help");

    std::size_t term_width = 0;
    for (const auto* list : {&arguments, &options}) {
        for (const auto& [term, text] : *list) term_width = std::max(term_width, display_width(term));
    }
    auto add_list = [&](const char* heading, const auto& list) {
        if (list.empty()) return;
        out += '\n' + title(heading, terminal);
        for (const auto& [term, text] : list) out += entry(term, text, term_width, terminal);
    };
    add_list("Arguments", arguments);
    add_list("Options", options);
    if (!verb.examples.empty()) {
        out += '\n' + title("Examples", terminal);
        for (const std::string& line : split_lines(verb.examples)) out += "  " + line + '\n';
    }
    return out;
}

}  // namespace hvctl::cli
