#include "app.hpp"

#include <algorithm>

#include "elsewhere.hpp"
#include "text.hpp"

namespace hvctl::cli {

Verb& App::verb(std::string name, Topic topic, std::string summary) {
    Verb& added = verbs_.emplace_back();
    added.name = std::move(name);
    added.topic = topic;
    added.summary = std::move(summary);
    return added;
}

Result<const Verb*> App::find(std::string_view name) const {
    std::vector<const Verb*> matches;
    std::vector<std::string> names, visible;
    for (const Verb& candidate : verbs_) {
        if (candidate.name == name) return &candidate;
        if (candidate.topic == Topic::Hidden) continue;
        visible.push_back(candidate.name);
        if (candidate.whole_name || !candidate.name.starts_with(name)) continue;
        matches.push_back(&candidate);
        names.push_back(candidate.name);
    }
    if (matches.size() == 1 && in_place_of(name).empty()) return matches.front();
    std::string typed(name);
    const std::string_view instead = in_place_of(name);
    if (!matches.empty() && instead.empty()) {
        return fail(ExitCode::Usage, "'" + typed + "' may mean any of: " + join(names, ", "));
    }
    std::string message = "there is no verb '" + typed + "'";
    if (!instead.empty()) return fail(ExitCode::Usage, message + " in this version\n" + std::string(instead));
    if (auto close = suggest(name, visible)) message += "; did you mean '" + *close + "'?";
    return fail(ExitCode::Usage, message + "\n'hvctl help' lists the verbs.");
}

const Verb* App::find_apart(std::string_view first, std::string_view second) const {
    const std::string name = std::string(first) + '-' + std::string(second);
    for (const Verb& candidate : verbs_) {
        if (candidate.name == first) return nullptr;
    }
    for (const Verb& candidate : verbs_) {
        if (candidate.name == name && candidate.topic != Topic::Hidden && !candidate.whole_name) return &candidate;
    }
    return nullptr;
}

bool App::begins_verbs(std::string_view first) const {
    const std::string beginning = std::string(first) + '-';
    return std::ranges::any_of(verbs_, [&](const Verb& verb) {
        return verb.name.starts_with(beginning) && verb.topic != Topic::Hidden && !verb.whole_name;
    });
}

Result<CommandLine> split_command_line(const std::vector<std::string>& words, Globals& globals) {
    CommandLine line;
    for (std::size_t index = 0; index < words.size(); ++index) {
        const std::string& word = words[index];
        if (!is_utf8(word))
            return fail(ExitCode::Usage, "argument " + std::to_string(index + 1) + " is not UTF-8 text");
        if (!line.verb.empty()) {
            line.arguments.push_back(word);
        } else if (word == "--version" || word == "-V") {
            line.version = true;
        } else if (word == "--help" || word == "-h") {
            globals.help = true;
        } else if (word == "--no-color") {
            globals.no_colour = true;
        } else if (word == "--bus") {
            if (++index == words.size()) return fail(ExitCode::Usage, "--bus needs an address");
            globals.bus = words[index];
        } else if (word.starts_with("--bus=")) {
            globals.bus = word.substr(6);
        } else if (word.starts_with('-')) {
            return fail(ExitCode::Usage, "unknown option '" + word +
                                             "' before the verb\nThese are known there: --bus "
                                             "ADDRESS, --no-color, --help, --version.");
        } else {
            line.verb = word;
        }
    }
    return line;
}

std::optional<std::string> suggest(std::string_view word, const std::vector<std::string>& candidates) {
    std::optional<std::string> best;
    std::size_t best_distance = word.size() <= 3 ? 2 : 3;  // more than this is another word, not a slip
    for (const std::string& candidate : candidates) {
        std::vector<std::size_t> row(candidate.size() + 1);
        for (std::size_t column = 0; column < row.size(); ++column) row[column] = column;
        for (std::size_t line = 1; line <= word.size(); ++line) {
            std::size_t diagonal = row[0];
            row[0] = line;
            for (std::size_t column = 1; column < row.size(); ++column) {
                std::size_t changed = diagonal + (word[line - 1] == candidate[column - 1] ? 0 : 1);
                diagonal = row[column];
                row[column] = std::min({row[column] + 1, row[column - 1] + 1, changed});
            }
        }
        if (row.back() < best_distance) {
            best_distance = row.back();
            best = candidate;
        }
    }
    return best;
}

}  // namespace hvctl::cli
