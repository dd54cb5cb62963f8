#include "complete.hpp"

#include <algorithm>

namespace hvctl::cli {
namespace {

void offer_verbs(const App& app, const std::string& prefix, Completion& into) {
    for (const Verb& verb : app.verbs()) {
        if (verb.topic != Topic::Hidden && verb.name.starts_with(prefix))
            into.candidates.push_back({verb.name, verb.summary});
    }
}

void offer_second_words(const App& app, const std::string& first, const std::string& prefix, Completion& into) {
    for (const Verb& verb : app.verbs()) {
        if (verb.topic != Topic::Hidden && !verb.whole_name && verb.name.starts_with(first + prefix))
            into.candidates.push_back({verb.name.substr(first.size()), verb.summary});
    }
}

void offer_options(const Verb& verb, const std::string& prefix, Completion& into) {
    for (const Option& option : verb.options) {
        if (option.name.starts_with(prefix)) into.candidates.push_back({option.name, option.help});
    }
    if (std::string_view("--help").starts_with(prefix)) into.candidates.push_back({"--help", "show help"});
}

bool takes_value(const Verb& verb, const std::string& word) {
    return word == "--bus" || std::ranges::any_of(verb.options, [&](const Option& option) {
               return option.value != nullptr && option.name == word;
           });
}

const Positional* positional_at(const Verb& verb, std::size_t index) {
    for (const Positional& positional : verb.positionals) {
        if (positional.values != nullptr || index == 0) return &positional;
        --index;
    }
    return nullptr;
}

void offer_argument(const App& app, const Positional& positional, const std::string& prefix, Completion& into) {
    switch (positional.complete) {
        case Complete::Nothing: break;
        case Complete::Domain:
        case Complete::Guest:
        case Complete::Ended: into.domains = positional.complete; break;
        case Complete::File: into.files = true; break;
        case Complete::Verb: offer_verbs(app, prefix, into); break;
        case Complete::Words:
            for (const std::string& word : positional.words) {
                if (word.starts_with(prefix)) into.candidates.push_back({word, ""});
            }
            break;
    }
}

}  // namespace

Completion complete(const App& app, const std::vector<std::string>& words) {
    Completion completion;
    if (words.empty()) return completion;
    const std::string& current = words.back();
    const Verb* verb = nullptr;
    std::string group;  // the first of two words
    std::size_t arguments = 0;
    for (std::size_t index = 0; index + 1 < words.size(); ++index) {
        const std::string& word = words[index];
        if (word == "--bus" || (verb != nullptr && takes_value(*verb, word))) {
            if (++index + 1 == words.size()) return completion;  // the value itself
        } else if (word.starts_with('-') && word != "-") {
            continue;
        } else if (verb == nullptr) {
            verb = group.empty() ? app.find(word).value_or(nullptr) : app.find_apart(group, word);
            if (verb != nullptr) continue;
            if (!group.empty() || !app.begins_verbs(word)) return completion;
            group = word;
        } else {
            ++arguments;
        }
    }
    if (verb == nullptr && !group.empty()) {
        offer_second_words(app, group + '-', current, completion);
    } else if (verb == nullptr) {
        offer_verbs(app, current, completion);
    } else if (current.starts_with('-')) {
        offer_options(*verb, current, completion);
    } else if (const Positional* positional = positional_at(*verb, arguments)) {
        offer_argument(app, *positional, current, completion);
    }
    return completion;
}

}  // namespace hvctl::cli
