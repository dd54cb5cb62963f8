#include "verbs/key_words.hpp"

#include <algorithm>
#include <set>

#include "json.hpp"
#include "text.hpp"

namespace hvctl::cli {
namespace {

constexpr std::string_view kAddresses = "addresses";

std::vector<std::string> split(std::string_view list) {
    std::vector<std::string> parts;
    while (true) {
        const std::size_t comma = list.find(',');
        parts.emplace_back(list.substr(0, comma));
        if (comma == std::string_view::npos) return parts;
        list.remove_prefix(comma + 1);
    }
}

Value value_of(std::string_view key, const std::string& text) {
    if (key == kAddresses && text != "any") return split(text);
    if (key == "gateways" || key == "nameservers") return split(text);
    if (key == "mtu" || key == "vlan" || key == "weight" || key == "iops") {
        if (const auto number = parse_number(text)) return *number;
    }
    if (key == "offload" && (text == "true" || text == "false")) return text == "true";
    return text;
}

}  // namespace

Result<std::string> map_text(std::string_view verb, const std::vector<std::string>& words,
                             std::span<const std::string_view> keys) {
    JsonDocument map = JsonDocument::part();
    std::set<std::string, std::less<>> seen;
    for (const std::string& word : words) {
        const std::size_t equals = word.find('=');
        std::string key = word.substr(0, equals);
        if (key == "ip") key = kAddresses;  // xl's word
        if (equals == std::string::npos || std::ranges::find(keys, key) == keys.end()) {
            return fail(ExitCode::Usage, std::string(verb) + ": '" + word + "' is not KEY=VALUE with one of the keys " +
                                             join({keys.begin(), keys.end()}, ", "));
        }
        if (!seen.insert(key).second) return fail(ExitCode::Usage, std::string(verb) + ": " + key + " is given twice");
        map.add(key, value_of(key, word.substr(equals + 1)));
    }
    return map.text();
}

}  // namespace hvctl::cli
